/** Classifies every order, and finds certificates without a reason to order them. Pure. */
import type { SampleCluster } from '../../../local/stack/management-cluster/sample-cluster.ts';
import type { IssuedByCa } from '../../support/acme/ca-log.ts';
import type { SeenOrder } from '../evidence/order-journal.ts';
import type { SeenCertificate } from '../evidence/secret-journal.ts';
import type { Kill } from '../kills/worker-pool.ts';
import type { Finding } from './finding.ts';

export interface OrderEvidence {
  readonly orders: readonly SeenOrder[];
  readonly issued: readonly IssuedByCa[];
  readonly certificates: readonly SeenCertificate[];
  readonly kills: readonly Kill[];
  /** From when on an order for a cluster may be given up with it (`performance.now()`), by the cluster's name. */
  readonly decommissioningSince: ReadonlyMap<string, number>;
}

/** Descriptions of the orders without a certificate in a Secret, by cause. */
export interface UnfulfilledOrders {
  /** The worker died inside newOrder, so certman cannot know the order. */
  readonly cut: readonly string[];
  /** The worker died after newOrder and before Temporal had the order URL. */
  readonly unrecorded: readonly string[];
  /** The cluster was deleted meanwhile. */
  readonly givenUp: readonly string[];
  /** No kill explains it. */
  readonly unexplained: readonly string[];
}

export function unfulfilledOrders(evidence: OrderEvidence, clusters: readonly SampleCluster[]): UnfulfilledOrders {
  const inSecret = new Set(evidence.certificates.map(({ serialNumber }) => serialNumber));
  const fulfilled = new Set(
    evidence.issued.filter(({ serialNumber }) => inSecret.has(serialNumber)).map(({ orderId }) => orderId),
  );
  const byCause: Record<keyof UnfulfilledOrders, string[]> = { cut: [], unrecorded: [], givenUp: [], unexplained: [] };
  for (const order of evidence.orders) {
    if (fulfilled.has(order.id)) continue;
    const name = order.dnsNames[0] ?? 'nothing';
    const cluster = clusters.find(({ dnsNames }) => dnsNames.includes(name));
    const { fate, why } = classifyOrder(order, evidence.kills, evidence.decommissioningSince.get(cluster?.name ?? ''));
    byCause[fate].push(`order ${order.id} for ${name}: ${why}`);
  }
  return byCause;
}

function classifyOrder(
  { incarnation, delivered, at, recordedAt }: SeenOrder,
  kills: readonly Kill[],
  decommissioningSince: number | undefined,
): { readonly fate: keyof UnfulfilledOrders; readonly why: string } {
  if (decommissioningSince !== undefined && at >= decommissioningSince)
    return { fate: 'givenUp', why: 'its cluster was deleted' };
  if (recordedAt !== undefined) return { fate: 'unexplained', why: 'Temporal had its URL, but it was not continued' };
  if (incarnation === undefined) return { fate: 'cut', why: 'its worker was dead before its request was read' };
  const kill = kills.find((one) => one.incarnation === incarnation);
  if (kill === undefined) return { fate: delivered ? 'unexplained' : 'cut', why: `${incarnation} was not killed` };
  if (!delivered || kill.at <= at)
    return { fate: 'cut', why: `${incarnation} was killed inside newOrder (${kill.killPoint})` };
  const after = `${Math.round(kill.at - at)} ms after the CA's answer was passed on`;
  return {
    fate: 'unrecorded',
    why: `${incarnation} was killed ${after} (${kill.killPoint}), before Temporal had its URL`,
  };
}

/** Certificates with a shorter lifetime are renewed within a run. */
const SHORT_LIVED_MS = 3_600_000;

/**
 * Finds clusters with more certificates than reasons: the first order, each renewal requested by an operator, and the renewal of
 * each short-lived certificate.
 */
export function duplicateIssuanceFindings(
  clusters: readonly SampleCluster[],
  certificates: readonly SeenCertificate[],
  renewalsAskedFor: ReadonlyMap<string, number>,
): readonly Finding[] {
  return clusters.flatMap((cluster) => {
    const own = certificates.filter(({ namespace }) => namespace === cluster.namespace);
    const asked = renewalsAskedFor.get(cluster.name) ?? 0;
    const reasons = 1 + asked + own.filter(isShortLived).length;
    if (own.length <= reasons) return [];
    const what = `${cluster.name} got ${own.length} certificates, with ${reasons} reasons for one at most`;
    return [{ kind: 'issuedTwice', what }];
  });
}

export function isShortLived({ notBefore, notAfter }: SeenCertificate): boolean {
  return Date.parse(notAfter) - Date.parse(notBefore) < SHORT_LIVED_MS;
}
