import { Context } from '@temporalio/activity';
import type { AcmeClientSource } from '../src/acme/client-source.ts';
import type { AcmeActivities } from '../src/contract/activities.ts';
import { answerChallenges } from '../src/issuance/answer-challenges.ts';
import type { AttemptContext, IssuanceContext } from '../src/issuance/context.ts';
import { finalizeOrder } from '../src/issuance/finalize-order.ts';
import { installCertificate } from '../src/issuance/install-certificate.ts';
import { placeOrder } from '../src/issuance/place-order.ts';
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
    | 'delegation'
    | 'projection'
    | 'preflight'
    | 'budget'
  > {
  readonly ca: AcmeClientSource;
}

/** The attempt of the activity that it is called in. */
export function currentAttempt(deps: Omit<AcmeActivityDeps, 'ca'>): AttemptContext {
  const { kubernetes, settings, standaloneOrders, checks, chainGate, delegation, projection, preflight, budget } = deps;
  const { info, cancellationSignal: signal, log } = Context.current();
  const worker = {
    kubernetes,
    settings,
    standaloneOrders,
    checks,
    chainGate,
    delegation,
    projection,
    preflight,
    budget,
  };
  return { ...worker, attempt: info.attempt, signal, recorded: info.heartbeatDetails, record: heartbeat, log };
}

/** Creates the activities on the CA. Each is idempotent, and no private key leaves the worker. */
export function createAcmeActivities(deps: AcmeActivityDeps): AcmeActivities {
  const { ca: source } = deps;
  const withClient = <Input, Result>(useCase: (context: IssuanceContext, input: Input) => Promise<Result>) =>
    wrapActivity((input: Input) => {
      const context = currentAttempt(deps);
      return source.withClient((ca) => useCase({ ...context, ca }, input), context.signal);
    });
  return {
    placeOrder: withClient(placeOrder),
    answerChallenges: withClient(answerChallenges),
    finalizeOrder: withClient(finalizeOrder),
    installCertificate: withClient(installCertificate),
    revokeCertificates: wrapActivity((input) => revokeCertificates({ ...currentAttempt(deps), source }, input)),
  };
}
