/** What a run ends with: for scripts a line of JSON, for people what was found. */
import type { FinalEvidence } from './checks/final-checks.ts';
import type { FindingKind } from './checks/finding.ts';

export interface ChaosResult {
  /** Whether nothing was found and every kill that was planned was made. */
  readonly ok: boolean;
  /** Certificates that the CA issued. */
  readonly issued: number;
  /** Orders that it took for them. */
  readonly orders: number;
  readonly lost: number;
  readonly stuck: number;
  /** Orders that became no certificate, those cut inside newOrder apart. */
  readonly wastedOrders: number;
  /** Those of them that no kill explains. */
  readonly unexplainedOrders: number;
  readonly leftovers: number;
  /** Certificates that nothing asked for. */
  readonly issuedTwice: number;
  /** Orders whose worker died inside newOrder, before it could hear of them. */
  readonly cutOrders: number;
  /** Orders for clusters that were deleted meanwhile. */
  readonly ordersGivenUp: number;
  /** By SIGKILL, those at random instants included. */
  readonly kills: number;
  readonly randomKills: number;
  /** Instants at which a kill was planned and whose request never came. */
  readonly missedKills: number;
  readonly seconds: number;
  readonly seed: number;
}

export function summarize(
  run: FinalEvidence & Pick<ChaosResult, 'kills' | 'randomKills' | 'missedKills' | 'seconds' | 'seed'>,
): ChaosResult {
  const { findings, unfulfilled } = run;
  const count = (kind: FindingKind): number => findings.filter((finding) => finding.kind === kind).length;
  return {
    ok: findings.length === 0 && run.missedKills === 0,
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
    seconds: run.seconds,
    seed: run.seed,
  };
}
