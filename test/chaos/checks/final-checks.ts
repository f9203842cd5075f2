/** All checks after the last deleted cluster is gone. */
import { readCaLog } from '../../support/acme/ca-log.ts';
import type { ChaosCluster } from '../context.ts';
import type { Installation } from '../installation.ts';
import { certificateFindings } from './certificates.ts';
import type { Finding } from './finding.ts';
import { issuedFindings } from './issued.ts';
import { objectFindings, recordFindings, stagingFindings } from './leftovers.ts';
import { duplicateIssuanceFindings, type UnfulfilledOrders, unfulfilledOrders } from './orders.ts';
import { decommissionFindings, idleFindings, workflowFindings } from './workflows.ts';

export interface ExpectedState {
  readonly living: readonly ChaosCluster[];
  readonly deleted: readonly ChaosCluster[];
  /** Number of renewals requested by an operator, by cluster. */
  readonly requestedRenewals: ReadonlyMap<string, number>;
  /** From when on an order for a cluster may be given up with it (`performance.now()`), by the cluster's name. */
  readonly decommissioningSince: ReadonlyMap<string, number>;
}

export interface FinalEvidence {
  readonly findings: readonly Finding[];
  /** Certificates that the CA issued. */
  readonly issued: number;
  /** Orders that the CA accepted. */
  readonly orders: number;
  readonly unfulfilled: UnfulfilledOrders;
}

export async function runFinalChecks(installation: Installation, expected: ExpectedState): Promise<FinalEvidence> {
  const { living, deleted, decommissioningSince } = expected;
  const clusters = [...living, ...deleted];
  const { issued, orders: ordersOfCa } = await readCaLog(installation.stack.stateDir);
  const { certificates, broken } = installation.secrets;
  const { orders } = installation.orders;
  const { kills } = installation.workers;
  const unfulfilled = unfulfilledOrders({ orders, issued, certificates, kills, decommissioningSince }, clusters);
  const findings: Finding[] = [
    ...(await certificateFindings(installation, living)),
    ...(await objectFindings(installation, deleted)),
    ...(await stagingFindings(installation)),
    ...(await recordFindings(installation)),
    ...(await issuedFindings(installation, { issued, certificates, orders, deleted })),
    ...unfulfilled.unexplained.map((what): Finding => ({ kind: 'wastedOrder', what })),
    ...duplicateIssuanceFindings(clusters, certificates, expected.requestedRenewals),
    ...(await idleFindings(installation, living)),
    ...(await decommissionFindings(installation, deleted)),
    ...(await workflowFindings(installation)),
    ...broken.map((what): Finding => ({ kind: 'lost', what })),
  ];
  // Orders that bypass the relay would not be checked.
  if (ordersOfCa !== orders.length) {
    const what = `the CA took ${ordersOfCa} orders, of which ${orders.length} were seen`;
    findings.push({ kind: 'wastedOrder', what });
  }
  return { findings, issued: issued.length, orders: ordersOfCa, unfulfilled };
}
