import type { CertmanError } from '../failures/failure.ts';
import { failedAuthorizationsError, fetchAuthorization } from './authorization.ts';
import type { AcmeClient } from './client.ts';
import { invalidOrderError, type Order } from './order.ts';

/** The failure behind an order that has become invalid: that of its names where they tell it, else its own. */
export async function orderFailure(ca: AcmeClient, order: Order, signal?: AbortSignal): Promise<CertmanError> {
  const all = await Promise.all(order.authorizations.map((url) => fetchAuthorization(ca, url, signal)));
  const failed = all.filter((authorization) => authorization.status !== 'pending' && authorization.status !== 'valid');
  return failed.length > 0 ? failedAuthorizationsError(failed, ca) : invalidOrderError(order, ca);
}
