/** Measures how many reservations a second the budget of an account answers, on a real Temporal server. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { nameSetDigest } from '../src/certificates/digest.ts';
import {
  type BudgetedAccount,
  budgetStatus,
  caBudgetWorkflowId,
  SHARED_TASK_QUEUE,
} from '../src/contract/ca-budget.ts';
import { ReservationQueue } from '../src/issuance/reservation-queue.ts';
import { accountLimitsOf } from '../src/rate-limit/account-limits.ts';
import type { BudgetOrder } from '../src/rate-limit/budget-order.ts';
import type { Reservation } from '../src/rate-limit/ca-budget.ts';
import { createBudgetGateway } from '../src/worker/budget-gateway.ts';
import { bundlerOptions, WORKFLOWS_PATH } from '../src/worker/workflow-code.ts';
import { startEnvironment } from '../test/support/temporal/temporal-server.ts';
import { type Column, columnsTable } from './markdown-table.ts';
import { childrenCpuSeconds } from './process-figures.ts';
import { quantile, round } from './statistics.ts';

const CA = 'acme-v02.api.letsencrypt.org';
/** Of three orders, one is of a new cluster, and waits for its turn; the others are renewals. */
const NEW_SHARE = 3;
/** Domains of the new clusters. */
const DOMAINS = 20;
/** Orders that a worker has under way while it asks as fast as it can. */
const LANES = 100;

/** Options of {@link benchReservations}. */
export interface ReservationsBenchOptions {
  /** Reservations a second of the paced phase. */
  readonly rate: number;
  /** Of each phase. */
  readonly seconds: number;
  /** Workers that ask, each with one request under way as in a process of its own. */
  readonly workers: number;
}

/** Figures of a phase. */
export interface ReservationsPhase {
  readonly phase: 'paced' | 'fastest';
  readonly reservations: number;
  readonly perSecond: number;
  readonly latencyP50Ms: number;
  readonly latencyP95Ms: number;
  /** Orders in a request, on average. */
  readonly ordersPerRequest: number;
  /** Of a core: this process, which asks and runs the workflow. */
  readonly workerCpuPercent: number;
  /** Of a core: Temporal's development server. */
  readonly serverCpuPercent: number;
  /** Milliseconds of CPU of both for a reservation. */
  readonly cpuMsPerReservation: number;
  /** Orders that wait at the end. */
  readonly waiting: number;
}

/** Last line of the bench, as JSON. */
export interface ReservationsBenchResult {
  readonly rate: number;
  readonly workers: number;
  readonly phases: readonly ReservationsPhase[];
  /** Runs of the workflow, each continued as new by the next. */
  readonly runs: number;
  /** Of the longest run that ended: events, and bytes of its history. */
  readonly eventsPerRun: number;
  readonly historyBytesPerRun: number;
  /** Bytes of the input of the last run: what the budget carries. */
  readonly carriedBytes: number;
}

/** The workflow, the requests and Let's Encrypt's limits are real; only the orders are made up. */
export async function benchReservations(options: ReservationsBenchOptions): Promise<ReservationsBenchResult> {
  const env = await startEnvironment();
  try {
    const workflowBundle = await bundleWorkflowCode({
      ...bundlerOptions(WORKFLOWS_PATH),
      logger: new DefaultLogger('ERROR'),
    });
    const worker = await Worker.create({
      connection: env.nativeConnection,
      taskQueue: SHARED_TASK_QUEUE,
      workflowBundle,
      shutdownGraceTime: '1 second',
    });
    return await worker.runUntil(() => measure(env.client, options));
  } finally {
    await env.teardown();
  }
}

async function measure(client: Client, options: ReservationsBenchOptions): Promise<ReservationsBenchResult> {
  const account = { caHost: CA, accountUrl: `https://${CA}/acme/acct/bench` };
  const asking = Array.from({ length: options.workers }, () => new AskingWorker(client, account));
  // Starts the budget.
  await asking[0]?.ask(newOrder(0));
  const phases = [
    await measurePhase('paced', client, account, asking, options, askPaced),
    await measurePhase('fastest', client, account, asking, options, askFastest),
  ];
  process.stdout.write(`\n${columnsTable(COLUMNS, phases)}\n\n`);
  const { rate, workers } = options;
  return { rate, workers, phases, ...(await historyFigures(client, account)) };
}

/** As the workers of a fleet ask: each collects its orders. */
class AskingWorker {
  requests = 0;
  readonly #queue: ReservationQueue;

  constructor(client: Client, account: BudgetedAccount) {
    const gateway = createBudgetGateway({
      client,
      list: async function* none() {},
      listInUse: async function* none() {},
      firstCa: () => Promise.resolve(undefined),
      startWorker: () => undefined,
      onWarning: () => undefined,
    });
    const limits = { ...accountLimitsOf(CA, []), since: 1 };
    this.#queue = new ReservationQueue(async (orders) => {
      this.requests += 1;
      return (await gateway.reserve(account, orders, limits)) as readonly Reservation[];
    });
  }

  async ask(order: BudgetOrder): Promise<void> {
    await this.#queue.ask(order);
  }
}

type Ask = (
  asking: readonly AskingWorker[],
  next: () => Promise<void>,
  options: ReservationsBenchOptions,
) => Promise<void>;

async function measurePhase(
  phase: ReservationsPhase['phase'],
  client: Client,
  account: BudgetedAccount,
  asking: readonly AskingWorker[],
  options: ReservationsBenchOptions,
  ask: Ask,
): Promise<ReservationsPhase> {
  const latencies: number[] = [];
  const requestsBefore = asking.reduce((sum, { requests }) => sum + requests, 0);
  const cpuBefore = process.cpuUsage();
  const serverBefore = await serverCpuSeconds();
  const begin = performance.now();
  await ask(
    asking,
    async () => {
      const started = performance.now();
      const worker = asking[orders % asking.length];
      await worker?.ask(nextOrder());
      latencies.push(performance.now() - started);
    },
    options,
  );
  const seconds = (performance.now() - begin) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const workerSeconds = (user + system) / 1e6;
  const serverSeconds = (await serverCpuSeconds()) - serverBefore;
  const requests = asking.reduce((sum, worker) => sum + worker.requests, 0) - requestsBefore;
  const { waiting } = await client.workflow.getHandle(caBudgetWorkflowId(account)).query(budgetStatus, { most: 1 });
  process.stderr.write(`${phase}: ${latencies.length} reservations in ${seconds.toFixed(1)} s\n`);
  return {
    phase,
    reservations: latencies.length,
    perSecond: round(latencies.length / seconds, 1),
    latencyP50Ms: round(quantile(latencies, 0.5), 0),
    latencyP95Ms: round(quantile(latencies, 0.95), 0),
    ordersPerRequest: round(latencies.length / requests, 1),
    workerCpuPercent: round((100 * workerSeconds) / seconds, 1),
    serverCpuPercent: round((100 * serverSeconds) / seconds, 1),
    cpuMsPerReservation: round((1_000 * (workerSeconds + serverSeconds)) / latencies.length, 2),
    waiting,
  };
}

/** By the clock: an order that is answered late delays none after it. */
async function askPaced(
  _: unknown,
  next: () => Promise<void>,
  { rate, seconds }: ReservationsBenchOptions,
): Promise<void> {
  const begin = performance.now();
  const asked: Promise<void>[] = [];
  for (let count = 0; count < rate * seconds; count += 1) {
    const wait = begin + (count * 1_000) / rate - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    asked.push(next());
  }
  await Promise.all(asked);
}

async function askFastest(
  asking: readonly unknown[],
  next: () => Promise<void>,
  { seconds }: ReservationsBenchOptions,
): Promise<void> {
  const end = performance.now() + seconds * 1_000;
  const lane = async (): Promise<void> => {
    while (performance.now() < end) await next();
  };
  await Promise.all(Array.from({ length: LANES * asking.length }, lane));
}

let orders = 0;

function nextOrder(): BudgetOrder {
  orders += 1;
  return orders % NEW_SHARE === 0
    ? newOrder(orders)
    : { ...newOrder(orders), urgency: 'renewal', exemption: 'sameSet' };
}

/** Of a cluster of its own. */
function newOrder(index: number): BudgetOrder {
  const domain = `d${index % DOMAINS}.example`;
  const names = [`api.c${index}.${domain}`, `*.apps.c${index}.${domain}`];
  return {
    id: `cluster/bench/ns-${index}/c${index}/00000000-0000-0000-0000-${String(index).padStart(12, '0')}#primary`,
    namespace: `bench/ns-${index}`,
    urgency: 'new',
    domains: [domain],
    nameSet: nameSetDigest(names),
    names,
  };
}

async function serverCpuSeconds(): Promise<number> {
  const byProgram = await childrenCpuSeconds();
  return Object.values(byProgram).reduce((sum, seconds) => sum + seconds, 0);
}

/** The first event of a run: the whole of its history is megabytes. */
async function startOf(client: Client, workflowId: string, runId: string | undefined) {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, ...(runId === undefined ? {} : { runId }) },
    maximumPageSize: 1,
  });
  return history?.events?.[0]?.workflowExecutionStartedEventAttributes;
}

/** Of the runs, from the last one back. */
async function historyFigures(client: Client, account: BudgetedAccount) {
  const workflowId = caBudgetWorkflowId(account);
  const runs: { readonly events: number; readonly bytes: number; readonly carried: number }[] = [];
  let runId: string | undefined;
  do {
    const handle: WorkflowHandle = client.workflow.getHandle(workflowId, runId);
    const { historyLength: events, historySize: bytes = 0 } = await handle.describe();
    const started = await startOf(client, workflowId, runId);
    runs.push({ events, bytes, carried: started?.input?.payloads?.[0]?.data?.length ?? 0 });
    runId = started?.continuedExecutionRunId ?? '';
  } while (runId !== '');
  // The last one has not ended.
  const ended = runs.length > 1 ? runs.slice(1) : runs;
  const longest = ended.reduce((one, other) => (other.events > one.events ? other : one));
  return {
    runs: runs.length,
    eventsPerRun: longest.events,
    historyBytesPerRun: longest.bytes,
    carriedBytes: runs[0]?.carried ?? 0,
  };
}

const COLUMNS: readonly Column<ReservationsPhase>[] = [
  ['asked', ({ phase }) => phase],
  ['reservations', ({ reservations }) => reservations],
  ['a second', ({ perSecond }) => perSecond],
  ['p50, ms', ({ latencyP50Ms }) => latencyP50Ms],
  ['p95, ms', ({ latencyP95Ms }) => latencyP95Ms],
  ['orders in a request', ({ ordersPerRequest }) => ordersPerRequest],
  ['worker, % of a core', ({ workerCpuPercent }) => workerCpuPercent],
  ['server, % of a core', ({ serverCpuPercent }) => serverCpuPercent],
  ['CPU ms each', ({ cpuMsPerReservation }) => cpuMsPerReservation],
  ['waiting at the end', ({ waiting }) => waiting],
];
