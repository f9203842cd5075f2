import { nameSetDigest } from '../certificates/digest.ts';
import { identifierOf, normalizeName } from '../certificates/dns-name.ts';
import type { PlaceOrderInput } from '../contract/activities/acme.ts';
import type { BundleRef } from '../contract/activities/bundle-ref.ts';
import { budgetOrderId } from '../contract/ca-budget.ts';
import { clusterWorkflowId } from '../contract/ids.ts';
import type { BudgetOrder, Urgency } from '../rate-limit/budget-order.ts';
import type { Exemption } from '../rate-limit/ca-limits.ts';

/** A bundle with what is ordered for it. */
export type OrderedBundle = BundleRef &
  Pick<PlaceOrderInput, 'dnsNames' | 'renewal' | 'replaces' | 'urgent' | 'inUse' | 'inWindow'>;

/** A bundle's order as the budget of its CA sees it: what the Public Suffix List says is found here, not in a workflow. */
export async function budgetOrderOf(input: OrderedBundle): Promise<BudgetOrder> {
  // The list is large, and most processes need none.
  const { registeredDomains } = await import('../acme/registered-domains.ts');
  const { cluster, bundleName, dnsNames } = input;
  const names = dnsNames.map(normalizeName);
  return {
    id: budgetOrderId(clusterWorkflowId(cluster), bundleName),
    namespace: `${cluster.managementCluster}/${cluster.namespace}`,
    urgency: urgencyOf(input),
    domains: registeredDomains(names),
    nameSet: nameSetDigest(names),
    names: [...new Set(names.map(identifierOf))],
    exemption: exemptionOf(input),
  };
}

function urgencyOf({ urgent, renewal, inUse, replaces }: OrderedBundle): Urgency {
  if (urgent === true) return 'expiring';
  return inUse === true || renewal === true || replaces !== undefined ? 'renewal' : 'new';
}

/** A CA that has moved the window meanwhile refuses the order, or takes it without the exemption. */
function exemptionOf({ renewal, replaces, inWindow }: OrderedBundle): Exemption | undefined {
  if (inWindow === true && replaces !== undefined) return 'ari';
  return renewal === true ? 'sameSet' : undefined;
}
