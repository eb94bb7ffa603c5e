"""The head of CLIP-SPM, one idea of the paper a file.

One notation everywhere, any leading dimensions `...` standing for a batch of episodes:
`N` classes (way), `S` support clips, `Q` query clips, `T` frames, `C` channels.
"""
