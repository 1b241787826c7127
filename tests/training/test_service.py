"""Sessions from scheduling to outcome, on a simulated device."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from insitu.v1 import training_pb2 as pb
from platform_daemon.errors import NotFound
from platform_daemon.training.states import State
from platform_daemon.training.world import Limits
from platform_daemon.transport.calls import Enclave
from tests.training.simulator import APP, OTHER_APP, TOTAL_STEPS, SimulatedDevice, SimulatedTrainer

OUTPUT = "artifact:/session/params"
DEFAULT_LIMITS = Limits()


def one_off(name: str = "session", **changes: str) -> pb.TrainerOptions:
    options = {"plan": "file:p", "output": f"artifact:/{name}/params", **changes}
    return pb.TrainerOptions(session=name, cadence=pb.Cadence(one_off=pb.OneOff()), **options)


def hourly(name: str = "session") -> pb.TrainerOptions:
    cadence = pb.Cadence(continuous=Duration(seconds=3600))
    return pb.TrainerOptions(session=name, plan="file:p", output=f"artifact:/{name}/params", cadence=cadence)


def on_device(
    test: Callable[[SimulatedDevice], Awaitable[None]],
    folder: Path,
    limits: Limits = DEFAULT_LIMITS,
    examples: int = 20,
) -> None:
    async def run() -> None:
        device = SimulatedDevice(folder, limits)
        device.plans.add("p")
        device.add_examples(20)
        await test(device)

    asyncio.run(run())


def state(device: SimulatedDevice, name: str = "session", app: Enclave = APP) -> str:
    return pb.SessionState.Name(device.service.status(app.number, name).state)


async def finish(device: SimulatedDevice, trainer: SimulatedTrainer, *, accepted: bool = True) -> None:
    trainer.advance(TOTAL_STEPS - trainer.step)
    trainer.finish(accepted=accepted)
    await device.service.settled()


def test_a_one_off_session_trains_and_is_done(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        await device.service.schedule(APP, one_off(), "p")
        trainer = await device.trainer()
        assert (trainer.examples, trainer.start_parameters) == (20, b"base")
        assert state(device) == "RUNNING"
        await finish(device, trainer)
        assert state(device) == "COMMITTED"
        assert device.parameters.read(1, OUTPUT, 1) == b"trained"
        await device.service.tick()
        status = device.service.status(1, "session")
        assert status.state == pb.DONE
        assert status.output_version == 1
        assert [(m.name, m.before, m.after) for m in status.attempts[0].metrics] == [("accuracy", 0.5, 0.9)]
        await device.service.tick()
        assert len(device.trainers) == 1

    on_device(test, tmp_path)


def test_worse_parameters_are_not_kept(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        await device.service.schedule(APP, one_off(), "p")
        await finish(device, await device.trainer(), accepted=False)
        assert state(device) == "KEPT_OLD"
        assert device.parameters.in_use(1, OUTPUT) == 0

    on_device(test, tmp_path)


def test_a_continuous_session_rests_and_starts_from_its_last_result(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        await device.service.schedule(APP, hourly(), "p")
        await finish(device, await device.trainer())
        await device.service.tick()
        assert state(device) == "WAITING"
        assert len(device.trainers) == 1
        device.clock.advance(3601)
        trainer = await device.trainer()
        assert trainer.start_parameters == b"trained"
        await finish(device, trainer)
        assert device.parameters.in_use(1, OUTPUT) == 2

    on_device(test, tmp_path)


@pytest.mark.parametrize("condition", ["idle", "charging"])
@pytest.mark.parametrize("value", [False, None])
def test_a_run_suspends_when_the_device_is_needed_and_resumes_where_it_was(
    tmp_path: Path, condition: str, value: bool | None
) -> None:
    async def test(device: SimulatedDevice) -> None:
        await device.service.schedule(APP, one_off(), "p")
        trainer = await device.trainer()
        trainer.advance(4)
        device.set(**{condition: value})
        await device.service.tick()
        await device.service.settled()
        assert trainer.ended
        assert state(device) == "SUSPENDED"
        assert not await device.service.tick()
        assert any(condition in reason for reason in device.service.status(1, "session").reasons)
        device.set(**{condition: True})
        resumed = await device.trainer()
        assert resumed.step == 4
        await finish(device, resumed)
        attempt = device.service.status(1, "session").attempts[0]
        assert (attempt.suspensions, attempt.outcome) == (1, pb.COMMITTED)

    on_device(test, tmp_path)


def test_scheduling_again_unchanged_disturbs_nothing(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        await device.service.schedule(APP, one_off(), "p")
        trainer = await device.trainer()
        await device.service.schedule(APP, one_off(), "p")
        assert not trainer.ended
        await finish(device, trainer)
        await device.service.tick()
        await device.service.schedule(APP, one_off(), "p")
        assert state(device) == "DONE"

    on_device(test, tmp_path)


def test_changed_options_start_the_run_afresh(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        await device.service.schedule(APP, one_off(), "p")
        trainer = await device.trainer()
        trainer.advance(5)
        trainer.checkpoint()
        await device.service.schedule(APP, hourly(), "p")
        assert trainer.ended
        again = await device.trainer()
        assert again.step == 0
        await finish(device, again)

    on_device(test, tmp_path)


def test_stop_cancels_and_removes(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        await device.service.schedule(APP, one_off(), "p")
        trainer = await device.trainer()
        await device.service.stop(1, "session")
        assert trainer.ended
        with pytest.raises(NotFound):
            device.service.status(1, "session")
        assert list((tmp_path / "checkpoints").iterdir()) == []
        assert device.parameters.in_use(1, OUTPUT) == 0

    on_device(test, tmp_path)


def test_a_killed_trainer_costs_the_steps_since_its_checkpoint(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        await device.service.schedule(APP, one_off(), "p")
        trainer = await device.trainer()
        trainer.advance(3)
        trainer.checkpoint()
        trainer.advance(4)
        await asyncio.sleep(0)
        trainer.kill()
        await device.service.settled()
        resumed = await device.trainer()
        assert resumed.step == 3
        await finish(device, resumed)
        assert state(device) == "COMMITTED"

    on_device(test, tmp_path)


def test_a_trainer_that_keeps_dying_fails_the_run(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        await device.service.schedule(APP, one_off(), "p")
        for _ in range(3):
            (await device.trainer()).kill()
            await device.service.settled()
        status = device.service.status(1, "session")
        assert status.state == pb.FAILED
        assert "3 tries" in status.attempts[0].reason
        await device.service.tick()
        assert len(device.trainers) == 3

    on_device(test, tmp_path)


@pytest.mark.parametrize("checkpointed", [True, False])
def test_a_killed_daemon_resumes(tmp_path: Path, checkpointed: bool) -> None:
    async def test(device: SimulatedDevice) -> None:
        await device.service.schedule(APP, one_off(), "p")
        trainer = await device.trainer()
        trainer.advance(6)
        if checkpointed:
            trainer.checkpoint()
            await asyncio.sleep(0.05)
        device.restart()
        resumed = await device.trainer()
        assert resumed.step == (6 if checkpointed else 0)
        await finish(device, resumed)
        assert device.parameters.in_use(1, OUTPUT) == 1
        trainer.kill()

    on_device(test, tmp_path)


def test_sessions_survive_a_restart_and_stay_the_same(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        device.set(idle=False)
        await device.service.schedule(APP, hourly(), "p")
        before = device.service.status(1, "session")
        device.restart()
        assert device.service.status(1, "session") == before

    on_device(test, tmp_path)


def test_apps_take_turns(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        device.add_examples(5, OTHER_APP)
        for name in ("a", "b"):
            await device.service.schedule(APP, one_off(name), "p")
        await device.service.schedule(OTHER_APP, one_off("c"), "p")
        order = []
        for _ in range(3):
            trainer = await device.trainer()
            for _, status in device.service.list():
                if status.state == pb.WAITING:
                    assert any("trainer" in reason for reason in status.reasons)
            running = [status.options.session for _, status in device.service.list() if status.state == pb.RUNNING]
            order += running
            await finish(device, trainer)
            device.clock.advance(1)
        assert order == ["a", "c", "b"]

    on_device(test, tmp_path)


def test_an_app_has_a_budget(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        device.add_examples(5, OTHER_APP)
        await device.service.schedule(APP, one_off("a"), "p")
        trainer = await device.trainer()
        device.clock.advance(11)
        await finish(device, trainer)
        await device.service.schedule(APP, one_off("b"), "p")
        assert not await device.service.tick()
        assert any("budget" in reason for reason in device.service.status(APP.number, "b").reasons)
        await device.service.schedule(OTHER_APP, one_off("c"), "p")
        await finish(device, await device.trainer())
        device.clock.advance(24 * 3600)
        await finish(device, await device.trainer())

    on_device(test, tmp_path, Limits(app_budget_s=10))


def test_too_few_examples_wait_and_are_counted_again(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        device.plans.add("many", minimum_examples=15, holdout_share=0.5)
        await device.service.schedule(APP, one_off(), "many")
        await device.service.tick()
        await device.service.settled()
        status = device.service.status(1, "session")
        assert status.state == pb.WAITING
        assert any("wants 15" in reason for reason in status.reasons)
        device.add_examples(60)
        assert not await device.service.tick()
        device.clock.advance(61)
        await finish(device, await device.trainer())
        assert device.parameters.in_use(1, OUTPUT) == 1

    on_device(test, tmp_path)


def test_without_consent_nothing_trains(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        await device.service.schedule(APP, one_off(), "p")
        trainer = await device.trainer()
        device.consents.clear()
        await device.service.tick()
        await device.service.settled()
        assert trainer.ended
        assert not await device.service.tick()
        assert any("insitu consent give" in reason for reason in device.service.status(1, "session").reasons)

    on_device(test, tmp_path)


def test_a_consumer_waits_for_its_input(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        await device.service.schedule(APP, one_off("second", input="artifact:/first/params"), "p")
        assert not await device.service.tick()
        assert any("artifact:/first/params" in reason for reason in device.service.status(1, "second").reasons)
        await device.service.schedule(APP, one_off("first"), "p")
        await finish(device, await device.trainer())
        trainer = await device.trainer()
        assert trainer.start_parameters == b"trained"
        await finish(device, trainer)

    on_device(test, tmp_path)


def test_forgetting_gives_up_the_run_and_starts_from_the_base(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        await device.service.schedule(APP, hourly(), "p")
        await finish(device, await device.trainer())
        device.clock.advance(3601)
        trainer = await device.trainer()
        trainer.advance(2)
        trainer.checkpoint()
        await device.service.forget(APP.number, lambda session: True)
        assert trainer.ended
        assert list((tmp_path / "checkpoints").iterdir()) == []
        device.parameters.versions.clear()
        again = await device.trainer()
        assert (again.step, again.start_parameters) == (0, b"base")
        await finish(device, again)
        device.clock.advance(3601)
        await device.service.forget(APP.number, lambda session: True)
        await finish(device, await device.trainer(), accepted=False)
        trainers = len(device.trainers)
        await device.service.tick()
        assert not await device.service.tick()
        assert len(device.trainers) == trainers

    on_device(test, tmp_path)


def test_closing_suspends(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        await device.service.schedule(APP, one_off(), "p")
        trainer = await device.trainer()
        trainer.advance(2)
        await device.service.close()
        assert trainer.ended
        assert device.sessions.all()[0].state is State.SUSPENDED
        device.restart()
        assert (await device.trainer()).step == 2
        await finish(device, device.trainers[-1])

    on_device(test, tmp_path)


DECADE_S = 3650 * 86_400


@pytest.mark.parametrize("options", [one_off(), hourly()])
def test_no_session_waits_for_a_clock_that_had_stood_wrong(tmp_path: Path, options: pb.TrainerOptions) -> None:
    async def test(device: SimulatedDevice) -> None:
        device.clock.jump(DECADE_S)
        await device.service.schedule(APP, options, "p")
        device.clock.jump(-DECADE_S)
        device.add_examples(20)
        assert device.service.status(1, "session").next_run_ms <= device.clock.now_ms()
        await finish(device, await device.trainer())

    on_device(test, tmp_path)


def test_what_was_trained_by_a_wrong_clock_is_no_rest_and_no_budget(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        device.clock.jump(DECADE_S)
        device.add_examples(20)
        await device.service.schedule(APP, hourly(), "p")
        trainer = await device.trainer()
        device.clock.advance(90)
        await finish(device, trainer)
        device.clock.jump(-DECADE_S)
        await device.service.tick()
        device.add_examples(20)
        await finish(device, await device.trainer())
        assert state(device) == "COMMITTED"

    on_device(test, tmp_path, Limits(app_budget_s=60))


def test_a_failure_by_a_wrong_clock_delays_no_longer_than_any(tmp_path: Path) -> None:
    async def test(device: SimulatedDevice) -> None:
        device.clock.jump(DECADE_S)
        device.add_examples(20)
        await device.service.schedule(APP, hourly(), "p")
        trainer = await device.trainer()
        for _ in range(3):
            trainer.kill()
            await device.service.settled()
            trainer = device.trainers[-1]
            if state(device) == "FAILED":
                break
            trainer = await device.trainer()
        device.clock.jump(-DECADE_S)
        device.add_examples(20)
        assert device.service.status(1, "session").next_run_ms <= device.clock.now_ms()

    on_device(test, tmp_path)
