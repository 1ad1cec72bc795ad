"""900 frames of one function, each with its own argument."""
import truth


def down(n):
    if n == 0:
        truth.tell_and_wait(depth=900)
        return 0
    return 1 + down(n - 1)


if __name__ == "__main__":
    down(899)
