import type { AcmeClient } from '../acme/client.ts';
import type { PlacedOrder } from '../contract/activities/acme.ts';
import type { BundleRef } from '../contract/activities/bundle-ref.ts';
import { splitSeal } from '../contract/sealed-url.ts';
import { oneLine } from '../failures/printable.ts';
import { notAskedFor } from '../kubernetes/objects/asked-for.ts';

/**
 * The URL of an order that was placed for this bundle under the present account: a signed request for any other URL could
 * go anywhere, and for an order of others would change that. @throws CertmanError `kubernetes/notAskedFor`.
 */
export function requireOrder(
  ca: AcmeClient,
  { cluster, bundleName, orderUrl: sealed }: BundleRef & Pick<PlacedOrder, 'orderUrl'>,
): string {
  const orderUrl = ca.session.seals.openOrder(cluster, bundleName, sealed);
  if (orderUrl !== undefined) return orderUrl;
  const { url } = splitSeal(sealed);
  throw notAskedFor(cluster, `The order ${oneLine(url, 300)} was not placed for its bundle under the present account.`);
}
