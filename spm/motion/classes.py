"""The action classes of the built-in data set `motion`, worded as Something-Something words them.

An action says where its one or two objects are at each time, and nothing about what they look
like: `spm.motion.look` draws this for each clip, in the same way for all classes. Most classes
have a partner with the same action backwards (`REVERSED`): the frames are the same, and only
their order in time tells the two apart. Others look alike for half of the clip (`…_and_back`,
`…_stopping_halfway`).

The names are the class folders; `spm.dataset.class_text` makes the texts from them.
"""

from spm.motion import actions as do
from spm.motion.actions import Action

_PAIRS: list[tuple[str, str, Action]] = [
    # the action, the same backwards
    ("moving_something_from_left_to_right", "moving_something_from_right_to_left", do.moving_right),
    ("moving_something_down", "moving_something_up", do.moving_down),
    (
        "moving_something_from_top_left_to_bottom_right",
        "moving_something_from_bottom_right_to_top_left",
        do.moving_down_and_right,
    ),
    ("dropping_something", "throwing_something_up", do.dropping),
    ("moving_something_towards_the_camera", "moving_something_away_from_the_camera", do.growing),
    ("folding_something", "unfolding_something", do.folding),
    ("stretching_something", "letting_something_stretched_spring_back", do.stretching),
    ("turning_something_clockwise", "turning_something_counterclockwise", do.turning),
    (
        "letting_something_roll_from_left_to_right",
        "letting_something_roll_from_right_to_left",
        do.rolling_right,
    ),
    ("tipping_something_over", "putting_something_upright", do.tipping_over),
    (
        "moving_something_in_a_circle_clockwise",
        "moving_something_in_a_circle_counterclockwise",
        do.circling,
    ),
    (
        "moving_something_around_something_clockwise",
        "moving_something_around_something_counterclockwise",
        do.circling_around,
    ),
    (
        "moving_something_and_something_closer_to_each_other",
        "moving_something_and_something_away_from_each_other",
        do.meeting,
    ),
    ("separating_something_into_two_pieces", "joining_two_pieces_of_something", do.separating),
    (
        "moving_something_closer_to_something",
        "moving_something_away_from_something",
        do.moving_closer,
    ),
    ("putting_something_onto_something", "taking_something_off_something", do.putting_onto),
    ("covering_something_with_something", "uncovering_something", do.covering),
    (
        "putting_something_behind_something",
        "taking_something_out_from_behind_something",
        do.putting_behind,
    ),
    (
        "pushing_something_with_something_from_left_to_right",
        "pulling_something_with_something_from_right_to_left",
        do.pushing_right,
    ),
]

_UNPAIRED: dict[str, Action] = {
    "moving_something_from_left_to_right_and_back": do.and_back(do.moving_right),
    "moving_something_from_right_to_left_and_back": do.and_back(do.moving_left),
    "moving_something_from_left_to_right_and_stopping_halfway": do.only_half(do.moving_right),
    "moving_something_from_right_to_left_and_stopping_halfway": do.only_half(do.moving_left),
    "moving_something_down_and_back_up": do.and_back(do.moving_down),
    "moving_something_up_and_back_down": do.and_back(do.moving_up),
    "moving_something_towards_the_camera_and_back": do.and_back(do.growing),
    "squeezing_something_and_letting_go": do.and_back(do.folding),
    "moving_something_and_something_so_they_collide_with_each_other": do.and_back(do.meeting),
    "moving_something_and_something_so_they_pass_each_other": do.passing,
}

REVERSED: dict[str, str] = {forwards: backwards for forwards, backwards, _ in _PAIRS}
"""Class -> the class with the same frames in the opposite order."""

ACTIONS: dict[str, Action] = (
    {forwards: action for forwards, _, action in _PAIRS}
    | {backwards: do.backwards(action) for _, backwards, action in _PAIRS}
    | _UNPAIRED
)
"""Class -> its action."""

CLASSES: list[str] = sorted(ACTIONS)
