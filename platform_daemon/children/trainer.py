"""Process main of the trainer: `python -m platform_daemon.children.trainer FD`."""

from platform_daemon.children import process


def main() -> None:
    channel = process.begin(process.arguments(), trainer=True)
    # After confinement: NumPy and the engines come in with it.
    from platform_daemon.children.trainer_loop import TrainerLoop

    TrainerLoop(channel).serve()


if __name__ == "__main__":
    main()
