/** After a failure at the production CA, an order is placed at a staging CA first. docs/decisions/staging-proof.md */
import { z } from 'zod';
import { deactivateAuthorization } from '../acme/authorization.ts';
import type { CaList } from '../acme/ca-list.ts';
import type { AcmeClientSource } from '../acme/client-source.ts';
import { createCsr } from '../acme/csr.ts';
import { accountRefusedUntil } from '../acme/new-order-limit.ts';
import { fetchOrder, type Order, orderFailure, orderPendingError, postFinalize } from '../acme/order.ts';
import { generateKey } from '../acme/private-key.ts';
import { waitForOrder } from '../acme/wait-for-order.ts';
import type { PlacedOrder, PlaceOrderInput, ProveOrderInput } from '../contract/activities/acme.ts';
import { CertmanError, isFailure } from '../failures/failure.ts';
import { oneLine } from '../failures/printable.ts';
import { isStandalone } from '../kubernetes/objects/primary-object.ts';
import { answerChallenges } from './answer-challenges.ts';
import type { AttemptContext, IssuanceContext } from './context.ts';
import { placeOrder } from './place-order.ts';
import { requireOrder } from './require-order.ts';
import { requireOwnershipProof } from './require-ownership.ts';
import { withinTime } from './within-time.ts';

/** A staging CA that takes longer proves nothing: the order goes to the production CA. */
const MAX_PLACEMENT_MS = 30_000;

/** Until when (epoch milliseconds) a staging CA is not asked: it refuses every order of the account. */
const refusedUntil = new WeakMap<Pick<AcmeClientSource, 'name'>, number>();

const provedSchema = z.object({ proved: z.literal(true) });

/** Of the attempts at a proof; `skipped`: the staging CA could not be used. */
export const PROOF_OUTCOMES = ['proved', 'refused', 'skipped'] as const;
export type ProofOutcome = (typeof PROOF_OUTCOMES)[number];

/** An attempt at an order, with what is counted. */
interface ProofContext extends AttemptContext {
  readonly onProof?: ((outcome: ProofOutcome) => void) | undefined;
}

/**
 * Places an order at the staging CA. It counts for no limit of certman's, and no attempt resumes it.
 * @returns undefined where that CA cannot be used now, whatever the reason: it is not to hold up a certificate.
 * @throws CertmanError `acme/rejectedIdentifier` where it refuses a name.
 */
export async function placeAtStaging(
  context: ProofContext,
  staging: AcmeClientSource,
  input: PlaceOrderInput,
): Promise<PlacedOrder | undefined> {
  if (Date.now() < (refusedUntil.get(staging) ?? 0)) {
    context.onProof?.('skipped');
    return undefined;
  }
  const { caHost: _caHost, replaces: _replaces, resume: _resume, inWindow: _inWindow, turn: _turn, ...names } = input;
  const apart = {
    ...context,
    budget: undefined,
    runaway: undefined,
    preflight: undefined,
    recorded: undefined,
    record: () => undefined,
    note: () => undefined,
  };
  try {
    const order = await withinTime(staging.name, MAX_PLACEMENT_MS, context.signal, (signal) =>
      // As a renewal, it counts for no limit of a namespace.
      staging.withClient((ca) => placeOrder({ ...apart, signal, ca }, { ...names, renewal: true }), signal),
    );
    return { ...order, proof: true };
  } catch (error) {
    context.signal.throwIfAborted();
    if (isFailure(error, 'acme/rejectedIdentifier')) {
      context.onProof?.('refused');
      throw atStaging(staging.name, error);
    }
    const until = accountRefusedUntil(error);
    if (until !== undefined) refusedUntil.set(staging, until);
    context.onProof?.('skipped');
    context.log.info('The staging CA cannot be used, so the order goes to the production CA at once', {
      ca: staging.name,
      problem: oneLine(error instanceof Error ? error.message : String(error), 300),
    });
    return undefined;
  }
}

/** @throws CertmanError `acme/accountMissing` where no staging CA is configured any more; what `work` throws. */
export async function withStagingCa<Result>(
  cas: CaList,
  work: (at: Required<Pick<IssuanceContext, 'ca' | 'seals'>>) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const { staging } = cas;
  if (staging === undefined) {
    const message = 'CERTMAN_STAGING_ACCOUNT names no account on this worker.';
    throw new CertmanError({ code: 'acme/accountMissing', message });
  }
  const seals = await cas.sealsIfUsable();
  try {
    return await staging.withClient((ca) => work({ ca, seals: seals ?? ca.session.seals }), signal);
  } catch (error) {
    throw error instanceof CertmanError ? atStaging(staging.name, error) : error;
  }
}

/**
 * Answers the challenges and finalizes the order with a key that is kept nowhere. The certificate is not downloaded, and the
 * authorizations are deactivated (RFC 8555 §7.5.2): with one that stays valid, the next proof would validate nothing.
 * @throws CertmanError `kubernetes/notAskedFor` as `answerChallenges`; any `acme/` code, `acme/pending` while the CA works.
 */
export async function proveOrder(context: IssuanceContext, input: ProveOrderInput): Promise<void> {
  const { ca, attempt, checks } = context;
  const orderUrl = requireOrder(ca, input);
  if (isStandalone(input.cluster)) requireOwnershipProof(context, input);
  await checks.requireBundle(input, input);
  // With its authorizations given up, a CA may show the order as invalid.
  if (provedSchema.safeParse(context.recorded).success) return;
  if (input.challenges.length > 0) await answerChallenges({ ...context, budget: undefined }, input);
  let order = await fetchOrder(ca, orderUrl);
  if (order.status === 'ready') order = await finalize(context, order, input);
  if (order.status === 'processing') {
    order = await waitForOrder(ca, { orderUrl, fromStatus: 'processing', attempt, justSubmitted: true });
  }
  if (order.status === 'invalid') throw await orderFailure(ca, order);
  if (order.status !== 'valid') {
    throw orderPendingError(`The CA ${ca.host} returns the order ${orderUrl} as ${order.status}.`);
  }
  context.record({ proved: true });
  // Without it, the next proof is worth less; this one is not.
  await Promise.allSettled(order.authorizations.map((url) => deactivateAuthorization(ca, url)));
}

async function finalize({ ca, settings }: IssuanceContext, order: Order, input: ProveOrderInput): Promise<Order> {
  const { key } = await generateKey(settings.keyType);
  const csr = await createCsr(key, input);
  return await postFinalize(ca, order, csr.toString('base64url'));
}

/** CAA records may name the production account alone (RFC 8657), which says nothing about the production CA. */
function atStaging(ca: string, error: CertmanError): CertmanError {
  const { code, message, remedy, notBefore } = error.info;
  return new CertmanError({
    code: /\bCAA\b/.test(message) ? 'dns/caaForbids' : code,
    message: `At the staging CA ${ca}, where the order is tried first since the last one failed: ${message}`,
    remedy,
    notBefore,
    cause: error,
  });
}
