/** Result of a run: a line of JSON for scripts, the findings for people. */
import type { FinalEvidence } from './checks/final-checks.ts';
import type { FindingKind } from './checks/finding.ts';

export interface ChaosResult {
  /** Whether there are no findings, and every planned kill and outage happened. */
  readonly ok: boolean;
  /** Certificates that the CA issued. */
  readonly issued: number;
  /** Orders that the CA accepted. */
  readonly orders: number;
  readonly lost: number;
  readonly stuck: number;
  /** Orders without a certificate, except those cut inside newOrder. */
  readonly wastedOrders: number;
  /** Orders without a certificate that no kill explains. */
  readonly unexplainedOrders: number;
  readonly leftovers: number;
  /** Certificates without a reason to order them. */
  readonly issuedTwice: number;
  /** Orders whose worker died inside newOrder, before it received the response. */
  readonly cutOrders: number;
  /** Orders for clusters that were deleted meanwhile. */
  readonly ordersGivenUp: number;
  /** Kills by SIGKILL, including those at random instants. */
  readonly kills: number;
  readonly randomKills: number;
  /** Planned kill points whose request was never sent. */
  readonly missedKills: number;
  /** Requests refused by outages of a part of an outside system. */
  readonly refusedRequests: number;
  /** Outages that refused nothing. */
  readonly missedOutages: number;
  readonly seconds: number;
  readonly seed: number;
}

export function summarize(
  run: FinalEvidence &
    Pick<
      ChaosResult,
      'kills' | 'randomKills' | 'missedKills' | 'refusedRequests' | 'missedOutages' | 'seconds' | 'seed'
    >,
): ChaosResult {
  const { findings, unfulfilled } = run;
  const count = (kind: FindingKind): number => findings.filter((finding) => finding.kind === kind).length;
  return {
    ok: findings.length === 0 && run.missedKills === 0 && run.missedOutages === 0,
    issued: run.issued,
    orders: run.orders,
    lost: count('lost'),
    stuck: count('stuck'),
    wastedOrders: unfulfilled.unrecorded.length + count('wastedOrder'),
    unexplainedOrders: count('wastedOrder'),
    leftovers: count('leftover'),
    issuedTwice: count('issuedTwice'),
    cutOrders: unfulfilled.cut.length,
    ordersGivenUp: unfulfilled.givenUp.length,
    kills: run.kills,
    randomKills: run.randomKills,
    missedKills: run.missedKills,
    refusedRequests: run.refusedRequests,
    missedOutages: run.missedOutages,
    seconds: run.seconds,
    seed: run.seed,
  };
}
