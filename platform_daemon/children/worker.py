"""Process main of an inference worker: `python -m platform_daemon.children.worker FD THREADS`."""

from platform_daemon.children import process


def main() -> None:
    arguments = process.arguments()
    channel = process.begin(arguments, trainer=False)
    # After confinement: NumPy and the engines come in with it.
    from platform_daemon.children.worker_loop import WorkerLoop

    WorkerLoop(channel).serve(arguments.threads)


if __name__ == "__main__":
    main()
