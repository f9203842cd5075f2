import { Context } from '@temporalio/activity';
import type { CaList } from '../src/acme/ca-list.ts';
import { isRefusedProof } from '../src/certificates/staging-proof.ts';
import type { AcmeActivities, PlacedOrder } from '../src/contract/activities/acme.ts';
import type { BundleRef } from '../src/contract/activities/bundle-ref.ts';
import { CertmanError } from '../src/failures/failure.ts';
import { answerChallenges } from '../src/issuance/answer-challenges.ts';
import type { FailoverContext } from '../src/issuance/ca-failover.ts';
import { withCaOfOrder } from '../src/issuance/ca-of-order.ts';
import type { AttemptContext, IssuanceContext } from '../src/issuance/context.ts';
import { finalizeOrder } from '../src/issuance/finalize-order.ts';
import { installCertificate } from '../src/issuance/install-certificate.ts';
import { releaseTurns } from '../src/issuance/release-turns.ts';
import { revokeCertificates } from '../src/issuance/revoke-certificates.ts';
import { revokeReplaced } from '../src/issuance/revoke-replaced.ts';
import { revokeRequested } from '../src/issuance/revoke-requested.ts';
import { type ProofOutcome, proveOrder, withStagingCa } from '../src/issuance/staging-proof.ts';
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
      | 'hiveTrust'
      | 'canary'
      | 'delegation'
      | 'projection'
      | 'preflight'
      | 'runaway'
      | 'budget'
    >,
    Pick<FailoverContext, 'onFailover'> {
  readonly ca: CaList;
  readonly onProof?: (outcome: ProofOutcome) => void;
}

/** The attempt of the activity that it is called in. */
export function currentAttempt(deps: Omit<AcmeActivityDeps, 'ca' | 'onFailover' | 'onProof'>): AttemptContext {
  const { kubernetes, settings, standaloneOrders, checks, chainGate, hiveTrust, canary, delegation, projection } = deps;
  const { preflight, budget, runaway } = deps;
  const { info, cancellationSignal: signal, log } = Context.current();
  const worker = {
    kubernetes,
    settings,
    standaloneOrders,
    checks,
    chainGate,
    hiveTrust,
    canary,
    delegation,
    projection,
    preflight,
    budget,
    runaway,
  };
  const progress = { recorded: info.heartbeatDetails, record: heartbeat, note: heartbeat };
  return { ...worker, ...progress, attempt: info.attempt, signal, log };
}

/** Creates the activities on the CA. Each is idempotent, and no private key leaves the worker. */
export function createAcmeActivities(deps: AcmeActivityDeps): AcmeActivities {
  const { ca: cas, onProof } = deps;
  const ofOrder = <Input extends BundleRef & Pick<PlacedOrder, 'orderUrl'>, Result>(
    useCase: (context: IssuanceContext, input: Input) => Promise<Result>,
  ) =>
    wrapActivity((input: Input) => {
      const context = currentAttempt(deps);
      return withCaOfOrder(cas, input, (at) => useCase({ ...context, ...at }, input), context.signal);
    });
  return {
    proveOrder: wrapActivity(async (input) => {
      const context = currentAttempt(deps);
      try {
        await withStagingCa(cas, (at) => proveOrder({ ...context, ...at }, input), context.signal);
        onProof?.('proved');
      } catch (error) {
        if (error instanceof CertmanError && isRefusedProof(error.code)) onProof?.('refused');
        throw error;
      }
    }),
    answerChallenges: ofOrder(answerChallenges),
    finalizeOrder: ofOrder(finalizeOrder),
    installCertificate: ofOrder(installCertificate),
    revokeCertificates: wrapActivity((input) => revokeCertificates({ ...currentAttempt(deps), cas }, input)),
    revokeReplaced: wrapActivity((input) => revokeReplaced({ ...currentAttempt(deps), cas }, input)),
    revokeRequested: wrapActivity((input) => revokeRequested({ ...currentAttempt(deps), cas }, input)),
    releaseTurn: wrapActivity(async ({ cluster, bundleName }) => {
      if (deps.budget !== undefined) await releaseTurns(cas, deps.budget, { cluster, bundleName });
    }),
  };
}
