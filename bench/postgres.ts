/** Issuance on the server of production with PostgreSQL, beside the development server in the same run. */
import { cpus } from 'node:os';
import { type FleetRunResult, fleetRunsTable, runFleet, runFolder } from './fleet-run.ts';
import { round } from './statistics.ts';

/** Options of {@link benchPostgres}. */
export interface PostgresBenchOptions {
  readonly clusters: number;
  readonly stateDir: string;
}

/** Last line of the bench, as JSON. */
export interface PostgresBenchResult {
  readonly clusters: number;
  readonly developmentPerMinute: number;
  readonly onePerMinute: number;
  readonly twoPerMinute: number;
  /** One worker on PostgreSQL / one worker on the development server. */
  readonly ratio: number;
  /** Two workers on PostgreSQL / one worker on PostgreSQL. */
  readonly secondWorker: number;
  readonly runs: readonly FleetRunResult[];
}

const RUNS = [
  { store: 'sqlite', workers: 1 },
  { store: 'postgres', workers: 1 },
  { store: 'postgres', workers: 2 },
] as const;

/** Each run has a stack of its own, so that none affects the next. */
export async function benchPostgres({ clusters, stateDir }: PostgresBenchOptions): Promise<PostgresBenchResult> {
  const runs: FleetRunResult[] = [];
  for (const { store, workers } of RUNS) {
    const run = { store, workers, managementClusters: 1, clusters };
    const progress = (text: string): void => void process.stderr.write(`[${store}, ${workers}] ${text}\n`);
    runs.push(await runFleet({ ...run, stateDir: runFolder(stateDir, run), progress }));
  }
  process.stdout.write(`\n${cpus().length} cores, every part on this machine\n\n${fleetRunsTable(runs)}\n\n`);
  const [developmentPerMinute = 0, onePerMinute = 0, twoPerMinute = 0] = runs.map((run) => run.certificatesPerMinute);
  return {
    clusters,
    developmentPerMinute,
    onePerMinute,
    twoPerMinute,
    ratio: round(onePerMinute / developmentPerMinute, 2),
    secondWorker: round(twoPerMinute / onePerMinute, 2),
    runs,
  };
}
