import type { AcmeClient } from '../acme/client.ts';
import { createCsr } from '../acme/csr.ts';
import { certificateLateError } from '../acme/late-certificate.ts';
import { fetchOrder, type Order, orderFailure, orderPendingError, postFinalize } from '../acme/order.ts';
import { type GeneratedKey, generateKey, parsePrivateKey } from '../acme/private-key.ts';
import { AcmeProblemError } from '../acme/problems.ts';
import { waitForOrder } from '../acme/wait-for-order.ts';
import type { FinalizeOrderInput } from '../contract/activities/acme.ts';
import { isStandalone } from '../kubernetes/objects/primary-object.ts';
import { ensureStagingKey, type StagedKey } from '../kubernetes/objects/staging-secret.ts';
import type { IssuanceContext } from './context.ts';
import { requireOrder } from './require-order.ts';
import { requireOwnershipProof } from './require-ownership.ts';

/**
 * Stages the key, finalizes once, awaits issuance.
 * @throws CertmanError `kubernetes/notAskedFor` for what the bundle does not ask for, and for a standalone request whose
 * control of the names was not verified; any `acme/` code, `acme/pending` while the CA issues.
 */
export async function finalizeOrder(
  context: IssuanceContext,
  input: FinalizeOrderInput,
): Promise<{ certificateUrl: string }> {
  const { ca, attempt, checks } = context;
  const orderUrl = requireOrder(ca, input);
  // Its names may be authorized by what others have proved, so the CA's word is not enough.
  if (isStandalone(input.cluster)) requireOwnershipProof(context, input);
  await checks.requireBundle(input, input);
  let order = await finalizeIfReady(context, { ...input, orderUrl });
  if (order.status === 'processing') {
    order = await waitForOrder(ca, { orderUrl: order.url, fromStatus: 'processing', attempt, justSubmitted: true });
  }
  return { certificateUrl: await certificateUrlOf(ca, order, attempt) };
}

async function finalizeIfReady(context: IssuanceContext, input: FinalizeOrderInput): Promise<Order> {
  const { ca } = context;
  const { orderUrl: url } = input;
  const finalizeUrl = ca.session.readyOrders.get(url);
  ca.session.readyOrders.delete(url);
  if (finalizeUrl !== undefined) {
    try {
      return await finalize(context, { url, finalize: finalizeUrl }, input);
    } catch (error) {
      // The order left the status ready after this process saw it.
      if (!(error instanceof AcmeProblemError) || error.type !== 'orderNotReady') throw error;
    }
  }
  const order = await fetchOrder(ca, url);
  return order.status === 'ready' ? finalize(context, order, input) : order;
}

async function finalize(
  { ca, kubernetes, settings, signal, budget, staged }: IssuanceContext,
  order: Pick<Order, 'url' | 'finalize'>,
  input: FinalizeOrderInput,
): Promise<Order> {
  let made: GeneratedKey | undefined;
  const makeKey = async (): Promise<string> => {
    made = await generateKey(settings.keyType);
    return made.pem;
  };
  const onStaged = (stagedKey: StagedKey): void => {
    if (made !== undefined) staged?.set(order.url, { ...stagedKey, key: made.key });
  };
  const staging = { request: input.request, orderUrl: order.url, makeKey, onStaged };
  const keyPem = await ensureStagingKey(kubernetes.withSignal(signal), staging);
  // An attempt before may have staged another one.
  const key = made?.pem === keyPem ? made.key : parsePrivateKey(keyPem);
  const csr = await createCsr(key, input);
  signal.throwIfAborted();
  // Not cancelled once sent: the CA may have finalized an order whose request was cancelled.
  try {
    return await postFinalize(ca.uncancelled(), order, csr.toString('base64url'));
  } catch (error) {
    const budgeted = await budget?.orderFor(ca, input);
    if (budgeted !== undefined) await budget?.reportRefusal(ca, budgeted, error);
    throw error;
  }
}

async function certificateUrlOf(ca: AcmeClient, order: Order, attempt: number): Promise<string> {
  const { status, url, certificate } = order;
  if (status === 'invalid') throw await orderFailure(ca, order);
  if (status !== 'valid') {
    throw orderPendingError(`The CA ${ca.host} returns the order ${url} as ${status} although it was finalized.`);
  }
  if (certificate !== undefined) return certificate;
  throw certificateLateError(ca, url, attempt, 'returns no URL of its certificate yet');
}
