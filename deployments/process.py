"""How a worker starts a run: a fixed program in a fixed folder, in an environment that the worker itself decides.

Prefect's process worker takes command, folder and environment from what its API stores, and loads the deployment's code
into itself for its hooks. This one takes the name of a target and nothing else.
"""

import json
import shlex
import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
import anyio.abc
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.runner._flow_run_executor import FlowRunExecutionResult, FlowRunExecutorContext
from prefect.runner._process_manager import ProcessHandle
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from deployments import admission
from deployments.admission import ROOT, Admitted

if TYPE_CHECKING:
    Status = anyio.abc.TaskStatus[int]

PROGRAM = (sys.executable, "-m", "deployments.flowrun")
"""What a run's process is, whatever its deployment says."""


class Configuration(ProcessJobConfiguration):
    """The process of one run."""

    @classmethod
    async def resolve_for_flow_run(
        cls,
        flow_run: FlowRun,
        *,
        client: PrefectClient,
        work_pool: WorkPool,
        worker_name: str,
        worker_id: UUID | None = None,
        deployment: DeploymentResponse | None = None,
    ) -> "Configuration":
        """Decide in what environment a run is started. What Prefect has is read as text; its blocks are not asked."""
        if deployment is None and flow_run.deployment_id:
            deployment = await client.read_deployment(flow_run.deployment_id)
        said = (deployment.job_variables if deployment else None, flow_run.job_variables)
        admitted = admission.admit(admission.layers(work_pool.base_job_template, *said))
        made = cls(env=dict(admitted.env), working_dir=ROOT)
        flow = await client.read_flow(flow_run.flow_id)
        made.prepare_for_flow_run(flow_run, deployment, flow, work_pool, worker_name, worker_id=worker_id)
        made.command = command(admitted)
        return made


def command(admitted: Admitted) -> str:
    """Return the command of a run's process, with the reason why it is refused."""
    refused = ["--refused", json.dumps([admitted.refusal, admitted.remedy])] if admitted.refusal else []
    return shlex.join([*PROGRAM, *refused])


class Hooks:
    """No hooks: Prefect would load a deployment's code into the worker to find them."""

    async def run_cancellation_hooks(self, flow_run: FlowRun, state: State[Any]) -> None:
        """Do nothing: a cancelled run compensates in its own process."""

    async def run_crashed_hooks(self, flow_run: FlowRun, state: State[Any]) -> None:
        """Do nothing."""


class Worker(ProcessWorker):
    """A worker of a pool of type process that decides itself what runs."""

    job_configuration: type[ProcessJobConfiguration] = Configuration

    @classmethod
    def __dispatch_key__(cls) -> str:
        """Leave Prefect's own worker under its name."""
        return "rollback-process"

    async def run(
        self, flow_run: FlowRun, configuration: ProcessJobConfiguration, task_status: "Status | None" = None
    ) -> ProcessWorkerResult:
        """Run one run's process to its end, and cancel it when Prefect says so."""
        async with FlowRunExecutorContext() as context:
            starter = EngineCommandStarter(
                command=configuration.command,
                cwd=ROOT,
                env=configuration.env,
                control_channel=context.control_channel,
            )
            executor = context.create_executor(flow_run, starter, propose_submitting=False, hook_runner=Hooks())
            ended: list[FlowRunExecutionResult | None] = []

            async def execute(
                *, task_status: "anyio.abc.TaskStatus[ProcessHandle]" = anyio.TASK_STATUS_IGNORED
            ) -> None:
                ended.append(await executor.submit(task_status=task_status))

            async with anyio.create_task_group() as group:
                handle = await group.start(execute)
                (task_status or anyio.TASK_STATUS_IGNORED).started(handle.pid)
        result = ended[0]
        if result is None or result.status_code is None:
            raise RuntimeError("The run's process was not started.")
        return ProcessWorkerResult(status_code=result.status_code, identifier=str(result.handle.pid))
