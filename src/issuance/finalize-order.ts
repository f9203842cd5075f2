import { Context } from '@temporalio/activity';
import { z } from 'zod';
import type { AcmeClient } from '../acme/client.ts';
import { createCsr } from '../acme/csr.ts';
import { fetchOrder, type Order, postFinalize } from '../acme/order.ts';
import { orderFailure } from '../acme/order-failure.ts';
import { generatePrivateKey, parsePrivateKey } from '../acme/private-key.ts';
import { AcmeProblemError } from '../acme/problems.ts';
import { waitForOrder } from '../acme/wait-for-order.ts';
import type { FinalizeOrderInput } from '../contract/activities.ts';
import { CertmanError } from '../failures/failure.ts';
import { ensureStagingKey } from '../kubernetes/objects/secrets.ts';
import type { IssuanceDeps } from './dependencies.ts';
import { withProgress } from './progress.ts';

/** Stages the key before the CA learns of it, hands in the CSR if that was not done yet, and waits for the certificate. */
export async function finalizeOrder(
  deps: IssuanceDeps,
  ca: AcmeClient,
  input: FinalizeOrderInput,
): Promise<{ certificateUrl: string }> {
  const { cancellationSignal: signal, info } = Context.current();
  return withProgress(z.never(), async () => {
    const asked = await finalizeIfReady(deps, ca, input, signal);
    const after =
      asked.status === 'processing'
        ? await waitForOrder(
            ca,
            {
              orderUrl: input.orderUrl,
              fromStatus: 'processing',
              what: 'makes the certificate',
              attempt: info.attempt,
              justSubmitted: true,
            },
            signal,
          )
        : asked;
    return { certificateUrl: await certificateUrlOf(ca, after, signal) };
  });
}

/** Finalizes the order if it waits for that; one that was finalized by an earlier attempt is returned as it is. */
async function finalizeIfReady(
  deps: IssuanceDeps,
  ca: AcmeClient,
  input: FinalizeOrderInput,
  signal: AbortSignal,
): Promise<Order> {
  const { orderUrl: url } = input;
  const finalizeUrl = ca.readyOrders.take(url);
  if (finalizeUrl !== undefined) {
    try {
      return await finalize(deps, ca, { url, finalize: finalizeUrl }, input, signal);
    } catch (error) {
      // It has moved on since it was seen ready.
      if (!(error instanceof AcmeProblemError) || error.type !== 'orderNotReady') throw error;
    }
  }
  const order = await fetchOrder(ca, url, signal);
  return order.status === 'ready' ? finalize(deps, ca, order, input, signal) : order;
}

async function finalize(
  deps: IssuanceDeps,
  ca: AcmeClient,
  order: Pick<Order, 'url' | 'finalize'>,
  input: FinalizeOrderInput,
  signal: AbortSignal,
): Promise<Order> {
  const keyPem = await ensureStagingKey(
    deps.kubernetes,
    { request: input.request, orderUrl: order.url, makeKey: () => generatePrivateKey(deps.settings.keyType) },
    signal,
  );
  const csr = await createCsr(parsePrivateKey(keyPem), input);
  signal.throwIfAborted();
  // Once it is on its way it is carried to its end: a CA that was asked must not be taken for one that was not.
  return postFinalize(ca, order, csr.toString('base64url'));
}

async function certificateUrlOf(ca: AcmeClient, order: Order, signal: AbortSignal): Promise<string> {
  switch (order.status) {
    case 'valid':
      if (order.certificate !== undefined) return order.certificate;
      throw new CertmanError({
        code: 'acme/unexpected',
        message: `The CA ${ca.host} made the order ${order.url} valid but does not say where the certificate is.`,
      });
    case 'invalid':
      throw await orderFailure(ca, order, signal);
    case 'pending':
    case 'ready':
    case 'processing':
      throw new CertmanError({
        code: 'acme/pending',
        message: `The CA ${ca.host} shows the order ${order.url} as ${order.status} although its certificate was asked for.`,
        remedy: 'It is looked at again shortly.',
      });
  }
}
