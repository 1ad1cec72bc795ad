"""The wait is called from module level: one frame of the program."""
import truth

number = 1
truth.tell_and_wait(
    number=number
)
