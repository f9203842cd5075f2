/** What each further worker and each further management cluster gains and costs. */
import { cpus } from 'node:os';
import { type FleetRunResult, fleetRunsTable, runFleet, runFolder } from './fleet-run.ts';

/** Options of {@link benchScaleOut}. */
export interface ScaleOutBenchOptions {
  readonly clusters: number;
  /** Numbers of workers on one management cluster, each a run. */
  readonly workers: readonly number[];
  /** Whether two management clusters with a worker each are measured as well. */
  readonly twoManagementClusters: boolean;
  readonly store: 'sqlite' | 'postgres';
  /** Share of a core that each worker may use: shows what workers gain where the machine is not what limits them. */
  readonly workerCores?: number;
  readonly stateDir: string;
}

/** Last line of the bench, as JSON. */
export interface ScaleOutBenchResult {
  readonly runs: readonly FleetRunResult[];
}

/** Each run has a stack of its own, so that none affects the next. */
export async function benchScaleOut(options: ScaleOutBenchOptions): Promise<ScaleOutBenchResult> {
  const { clusters, store, workerCores } = options;
  const plans = [
    ...options.workers.map((workers) => ({ workers, managementClusters: 1 })),
    ...(options.twoManagementClusters ? [{ workers: 1, managementClusters: 2 }] : []),
  ];
  const runs: FleetRunResult[] = [];
  for (const plan of plans) {
    const run = { ...plan, store, clusters, ...(workerCores === undefined ? {} : { workerCores }) };
    const label = `${plan.managementClusters} management clusters, ${plan.workers} workers`;
    const progress = (text: string): void => void process.stderr.write(`[${label}] ${text}\n`);
    runs.push(await runFleet({ ...run, stateDir: runFolder(options.stateDir, run), progress }));
  }
  process.stdout.write(`\n${cpus().length} cores, every part on this machine\n\n${fleetRunsTable(runs)}\n\n`);
  return { runs };
}
