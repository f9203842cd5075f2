import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { SHARED_TASK_QUEUE } from '../../contract/ca-budget.ts';
import { taskQueueOf, watchWorkflowId } from '../../contract/ids.ts';
import { counted } from '../../failures/counted.ts';
import { type Check as AnyCheck, Check, CheckFailure, passed, warning } from './check.ts';
import { namespaceOf, priorityFinding, type TemporalChecks } from './temporal-checks.ts';
import { watchFinding } from './watch-check.ts';

const GROUP = 'Workers';

/** A poll lasts a minute; Temporal lists a poller for some minutes after its last one. */
const POLLS_WITHIN_MS = 120_000;
const OLD_BACKLOG_MS = 60_000;

const PODS = 'kubectl get pods -n certman-operator; kubectl logs -n certman-operator deploy/certman --tail=100';

const { TaskQueueType } = proto.temporal.api.enums.v1;
const TASK_QUEUE_TYPES = {
  workflow: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
  activity: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
} as const;

interface Poller {
  readonly identity: string;
  readonly buildId: string | undefined;
}

/** What Temporal says of one kind of tasks of a task queue. */
interface QueueDescription {
  /** Those that have polled lately. */
  readonly pollers: readonly Poller[];
  readonly backlog: number;
  readonly backlogAgeMs: number;
  /** That its tasks have had. */
  readonly priorities: readonly string[];
}

/** The workers of a management cluster, as Temporal sees them. */
export function workerChecks(
  managementCluster: string,
  { connection, namespace }: TemporalChecks,
): readonly AnyCheck<unknown>[] {
  const taskQueue = taskQueueOf(managementCluster);
  const polling = new Check({
    id: 'workers-polling',
    group: GROUP,
    title: `workers poll the task queue ${taskQueue}`,
    needs: [namespace],
    run: async () => {
      const { client } = connection.value;
      const [workflow, activity] = await Promise.all([
        describeQueue(client, taskQueue, 'workflow'),
        describeQueue(client, taskQueue, 'activity'),
      ]);
      const names = [...new Set([...workflow.pollers, ...activity.pollers].map(({ identity }) => identity))].sort();
      if (workflow.pollers.length === 0 || activity.pollers.length === 0) {
        const kind = workflow.pollers.length > 0 ? 'activities' : 'workflows';
        throw new CheckFailure(
          `No worker polls for ${kind} of the management cluster ${managementCluster}: nothing is issued or renewed.`,
          `${PODS}. CERTMAN_MANAGEMENT_CLUSTER selects another management cluster.`,
        );
      }
      return passed(`${names.length}: ${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''}`, {
        workflow,
        activity,
      });
    },
  });
  return [
    polling,
    new Check({
      id: 'workers-version',
      group: GROUP,
      title: 'they are of one build',
      needs: [polling],
      run: () => {
        const { workflow, activity } = polling.value;
        const builds = new Set([...workflow.pollers, ...activity.pollers].flatMap(({ buildId }) => buildId ?? []));
        const found = [...builds].sort().join(', ');
        if (builds.size <= 1) return Promise.resolve(passed(found === '' ? 'they state none' : found));
        return Promise.resolve(
          warning(
            `They are of ${counted(builds.size, 'build')}: ${found}.`,
            'As during a rollout. When none is under way: kubectl rollout status -n certman-operator deploy/certman',
          ),
        );
      },
    }),
    new Check({
      id: 'workers-backlog',
      group: GROUP,
      title: 'no task waits for long',
      needs: [polling],
      run: () => {
        const { workflow, activity } = polling.value;
        const waiting = workflow.backlog + activity.backlog;
        const ageMs = Math.max(workflow.backlogAgeMs, activity.backlogAgeMs);
        const found =
          waiting === 0 ? 'none waits' : `about ${waiting} wait, the first for ${Math.round(ageMs / 1000)} s`;
        if (waiting === 0 || ageMs < OLD_BACKLOG_MS) return Promise.resolve(passed(found));
        return Promise.resolve(
          warning(
            `Of the tasks, ${found}.`,
            'See docs/scaling.md: more workers, or slots of a worker; or what is slow.',
          ),
        );
      },
    }),
    new Check({
      id: 'workers-priorities',
      group: GROUP,
      title: 'urgent tasks go before others',
      needs: [polling],
      run: () => {
        const { workflow, activity } = polling.value;
        const { serverVersion } = connection.value;
        return Promise.resolve(priorityFinding(serverVersion, [...workflow.priorities, ...activity.priorities]));
      },
    }),
    new Check({
      id: 'workers-controller',
      group: GROUP,
      title: 'one of them watches the management cluster',
      needs: [namespace],
      run: (signal, timeoutMs) =>
        watchFinding(connection.value.client, watchWorkflowId(managementCluster), { remedy: PODS, signal, timeoutMs }),
    }),
    new Check({
      id: 'workers-budget',
      group: GROUP,
      title: `the budgets of CAs are served (task queue ${SHARED_TASK_QUEUE})`,
      needs: [namespace],
      run: async () => {
        const { client } = connection.value;
        const query = `WorkflowType = 'caBudget' AND ExecutionStatus = 'Running'`;
        const { count } = await client.workflow.count(query);
        if (count === 0) return passed('there is none: no order was placed yet at a CA with limits');
        const { pollers } = await describeQueue(client, SHARED_TASK_QUEUE, 'workflow');
        if (pollers.length > 0) return passed(`${count}, by ${counted(pollers.length, 'worker')}`);
        return warning(
          `There are ${count}, and no worker polls for them: orders are placed without them, and the CA refuses what is too much.`,
          `A worker serves them from its first order on. ${PODS}`,
        );
      },
    }),
  ];
}

async function describeQueue(
  client: Client,
  name: string,
  type: keyof typeof TASK_QUEUE_TYPES,
): Promise<QueueDescription> {
  const description = await client.connection.workflowService.describeTaskQueue({
    namespace: namespaceOf(client),
    taskQueue: { name },
    taskQueueType: TASK_QUEUE_TYPES[type],
    reportStats: true,
  });
  const pollers = (description.pollers ?? []).filter(({ lastAccessTime }) => {
    const at = millisecondsOf(lastAccessTime);
    return at !== undefined && Date.now() - at < POLLS_WITHIN_MS;
  });
  const { approximateBacklogCount, approximateBacklogAge } = description.stats ?? {};
  return {
    pollers: pollers.map(({ identity = '', deploymentOptions, workerVersionCapabilities }) => ({
      identity: identity ?? '',
      buildId: deploymentOptions?.buildId || workerVersionCapabilities?.buildId || undefined,
    })),
    backlog: Number(approximateBacklogCount ?? 0),
    backlogAgeMs: Number(approximateBacklogAge?.seconds ?? 0) * 1_000,
    priorities: Object.keys(description.statsByPriorityKey ?? {}),
  };
}

function millisecondsOf(time: { readonly seconds?: unknown } | null | undefined): number | undefined {
  return time?.seconds === undefined || time.seconds === null ? undefined : Number(time.seconds) * 1_000;
}
