import { Context } from '@temporalio/activity';
import type { CaList } from '../src/acme/ca-list.ts';
import type { AcmeActivities, BundleRef, PlacedOrder } from '../src/contract/activities.ts';
import { answerChallenges } from '../src/issuance/answer-challenges.ts';
import { type FailoverContext, placeOrderWithFailover } from '../src/issuance/ca-failover.ts';
import { withCaOfOrder } from '../src/issuance/ca-of-order.ts';
import type { AttemptContext, IssuanceContext } from '../src/issuance/context.ts';
import { finalizeOrder } from '../src/issuance/finalize-order.ts';
import { installCertificate } from '../src/issuance/install-certificate.ts';
import { revokeCertificates } from '../src/issuance/revoke-certificates.ts';
import { heartbeat, wrapActivity } from './wrap-activity.ts';

/** What the activities on the CA need from the worker. */
export interface AcmeActivityDeps
  extends Pick<
      AttemptContext,
      | 'kubernetes'
      | 'settings'
      | 'standaloneOrders'
      | 'checks'
      | 'chainGate'
      | 'canary'
      | 'delegation'
      | 'projection'
      | 'preflight'
      | 'runaway'
      | 'budget'
    >,
    Pick<FailoverContext, 'onFailover'> {
  readonly ca: CaList;
}

/** The attempt of the activity that it is called in. */
export function currentAttempt(deps: Omit<AcmeActivityDeps, 'ca' | 'onFailover'>): AttemptContext {
  const { kubernetes, settings, standaloneOrders, checks, chainGate, canary, delegation, projection } = deps;
  const { preflight, budget, runaway } = deps;
  const { info, cancellationSignal: signal, log } = Context.current();
  const worker = {
    kubernetes,
    settings,
    standaloneOrders,
    checks,
    chainGate,
    canary,
    delegation,
    projection,
    preflight,
    budget,
    runaway,
  };
  return { ...worker, attempt: info.attempt, signal, recorded: info.heartbeatDetails, record: heartbeat, log };
}

/** Creates the activities on the CA. Each is idempotent, and no private key leaves the worker. */
export function createAcmeActivities(deps: AcmeActivityDeps): AcmeActivities {
  const { ca: cas, onFailover } = deps;
  const ofOrder = <Input extends BundleRef & Pick<PlacedOrder, 'orderUrl'>, Result>(
    useCase: (context: IssuanceContext, input: Input) => Promise<Result>,
  ) =>
    wrapActivity((input: Input) => {
      const context = currentAttempt(deps);
      return withCaOfOrder(cas, input, (at) => useCase({ ...context, ...at }, input), context.signal);
    });
  return {
    placeOrder: wrapActivity(async (input) => {
      const seals = await cas.seals();
      return await placeOrderWithFailover({ ...currentAttempt(deps), cas, seals, onFailover }, input);
    }),
    answerChallenges: ofOrder(answerChallenges),
    finalizeOrder: ofOrder(finalizeOrder),
    installCertificate: ofOrder(installCertificate),
    revokeCertificates: wrapActivity((input) => revokeCertificates({ ...currentAttempt(deps), cas }, input)),
  };
}
