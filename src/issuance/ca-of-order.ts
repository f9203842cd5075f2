import { isCaFailure } from '../acme/ca-health.ts';
import type { CaList } from '../acme/ca-list.ts';
import type { AcmeClientSource } from '../acme/client-source.ts';
import type { PlacedOrder } from '../contract/activities/acme.ts';
import type { BundleRef } from '../contract/activities/bundle-ref.ts';
import { CertmanError, isFailure } from '../failures/failure.ts';
import { notAskedFor } from '../kubernetes/objects/asked-for.ts';
import type { IssuanceContext } from './context.ts';

/** A client of the CA of an order, and what verifies seals of all accounts. */
export type CaOfOrder = Required<Pick<IssuanceContext, 'ca' | 'seals'>>;

/**
 * Continues an order at the CA whose account placed it; one that none of them placed is for the use case to refuse. A fallback
 * CA whose chain is refused gets no more orders for a day.
 * @throws CertmanError `kubernetes/notAskedFor` for an order of the staging CA; `acme/caFailing` where that CA fails for longer than the setting says, and another one does not; what
 * `work` throws.
 */
export async function withCaOfOrder<Result>(
  cas: CaList,
  order: BundleRef & Pick<PlacedOrder, 'orderUrl'>,
  work: (at: CaOfOrder) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const source = (await cas.ofOrder(order, order.orderUrl)) ?? cas.first;
  if (source === cas.staging)
    throw notAskedFor(order.cluster, 'The order is of the staging CA, which proves orders only.');
  const seals = await cas.sealsIfUsable();
  try {
    return await source.withClient((ca) => work({ ca, seals: seals ?? ca.session.seals }), signal);
  } catch (error) {
    if (source !== cas.first && isFailure(error, 'certificate/chainNotTrusted'))
      source.health.refuseChain(error.message);
    throw isCaFailure(error) && mayLeave(cas, source) ? failingError(source.name, error) : error;
  }
}

/** Whether an order would rather begin anew elsewhere. */
function mayLeave(cas: CaList, source: AcmeClientSource): boolean {
  if (source.health.outage() === undefined) return false;
  const others = cas.from(source).slice(1);
  return others.some(({ health }) => health.outage() === undefined && health.untrusted() === undefined);
}

function failingError(ca: string, cause: CertmanError): CertmanError {
  return new CertmanError({
    code: 'acme/caFailing',
    message: `The CA ${ca} has failed for so long that its order is left: ${cause.message}`,
    remedy: 'The next attempt goes to another CA that may issue, and resumes the order where none may.',
    cause,
  });
}
