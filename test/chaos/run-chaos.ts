/** Performs a run: issues, renews and deletes clusters while workers are killed, then runs every check. */
import pc from 'picocolors';
import { identityOf } from '../../local/demo/output.ts';
import { prepareSampleClusters } from '../../local/stack/management-cluster/sample-cluster.ts';
import { certificateFindings } from './checks/certificates.ts';
import { runFinalChecks } from './checks/final-checks.ts';
import type { Finding } from './checks/finding.ts';
import type { ChaosCluster } from './context.ts';
import { type Installation, startInstallation } from './installation.ts';
import { killPlan, PHASES } from './kills/kill-points.ts';
import { Deletion } from './phases/deletion.ts';
import { Issuance } from './phases/issuance.ts';
import { type PhaseOutcome, type PhaseWorkload, runPhase } from './phases/phase.ts';
import { Renewal } from './phases/renewal.ts';
import { RenewalRequester } from './phases/renewal-requester.ts';
import { Progress } from './progress.ts';
import { type ChaosResult, summarize } from './result.ts';
import { SeededRandom } from './seeded-random.ts';

export interface ChaosOptions {
  /** Number of clusters that are issued, renewed and deleted. */
  readonly clusters: number;
  readonly seed: number;
  /** Kills at every request of an order in first orders and in renewals, instead of in one of them. */
  readonly thorough: boolean;
  readonly stateDir: string;
  /** Aborts the run and stops everything that it started. */
  readonly signal: AbortSignal;
}

/** Number of clusters that stay, which the deletions must not affect. */
const KEPT_CLUSTERS = 4;
const RANDOM_PAUSE_MS = { least: 12_000, most: 30_000 } as const;
/** The retry schedule starts with one minute; a four-minute certificate is renewed after two. */
const SETTLE_SECONDS = 240;

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { seed, signal } = options;
  const random = new SeededRandom(seed);
  const plan = killPlan(random, options);
  const progress = new Progress(PHASES.reduce((sum, phase) => sum + plan[phase].length, 0));
  progress.print(`seed ${seed}, ${options.clusters} clusters: starting the local parts`);
  const installation = await startInstallation({ ...options, random });
  try {
    const { workers } = installation;
    const clusters = await prepareClusters(installation, options.clusters + KEPT_CLUSTERS);
    const [living, deleted] = [clusters.slice(0, KEPT_CLUSTERS), clusters.slice(KEPT_CLUSTERS)];
    const outcomes: PhaseOutcome[] = [];
    const run = async (work: PhaseWorkload): Promise<void> => {
      progress.print(`${work.name}: ${plan[work.name].length} kills at chosen instants, others at random ones`);
      const common = { installation, random, progress, signal, randomPauseMs: RANDOM_PAUSE_MS };
      outcomes.push(await runPhase(work, { ...common, points: plan[work.name], settleSeconds: SETTLE_SECONDS }));
    };

    installation.useProfile('four-minutes');
    await workers.start();
    await run(new Issuance(installation, clusters));
    installation.useProfile('default');
    await workers.roll();
    const operator = new RenewalRequester(installation, signal);
    await run(new Renewal(installation, clusters, { operator, random }));
    progress.print('asking the API server and the CA for every certificate');
    const renewed = await certificateFindings(installation, clusters);
    const deletion = new Deletion(installation, deleted, { operator, random });
    await run(deletion);

    progress.print('asking the CA, Route 53, the API server and Temporal');
    const { decommissioningSince } = deletion;
    const end = await runFinalChecks(installation, {
      living,
      deleted,
      requestedRenewals: operator.requested,
      decommissioningSince,
    });
    const findings = [...renewed, ...outcomes.flatMap(unsettledFindings), ...end.findings];
    for (const [answer, times] of operator.declined)
      progress.print(`a renewal asked for was answered ${times} times: ${answer}`);
    for (const order of end.unfulfilled.cut) progress.print(`cut: ${order}`);
    for (const order of end.unfulfilled.unrecorded) progress.print(`wasted: ${order}`);
    const { outages } = installation;
    for (const outage of outages.missed) progress.print(`never refused anything: ${outage}`);
    for (const { kind, what } of findings) progress.print(`${pc.red(kind)}: ${what}`);
    return summarize({
      ...end,
      findings,
      kills: workers.kills.length,
      randomKills: outcomes.reduce((sum, { randomKills }) => sum + randomKills, 0),
      missedKills: outcomes.reduce((sum, { missed }) => sum + missed.length, 0),
      refusedRequests: outages.refused,
      missedOutages: outages.missed.length,
      seconds: progress.seconds,
      seed,
    });
  } finally {
    await installation.stop();
  }
}

async function prepareClusters(
  { stack, kubernetes, zone }: Installation,
  count: number,
): Promise<readonly ChaosCluster[]> {
  const prepared = await prepareSampleClusters(stack, {
    count,
    zone: zone.name,
    zoneId: zone.zoneId,
    prefix: 'chaos',
  });
  return await Promise.all(
    prepared.map(async (cluster) => ({ ...cluster, identity: await identityOf(kubernetes, cluster) })),
  );
}

function unsettledFindings({ unsettled }: PhaseOutcome): readonly Finding[] {
  return unsettled === undefined ? [] : [{ kind: 'stuck', what: unsettled }];
}
