/**
 * The activities that talk to the CA (RFC 8555). Keys are made, staged and installed here, so that none leaves the worker.
 * Every one may be killed at any instant and run again: what it did already is found, not done twice.
 */
import { answerChallenges } from './acme/answer-challenges.ts';
import type { AcmeActivityDeps } from './acme/deps.ts';
import { finalizeOrder } from './acme/finalize-order.ts';
import { installCertificate } from './acme/install-certificate.ts';
import { placeOrder } from './acme/place-order.ts';
import { revokeCertificates } from './acme/revoke-certificates.ts';
import { withBoundary } from './boundary.ts';
import type { AcmeActivities } from './contract.ts';

export type { AcmeActivityDeps } from './acme/deps.ts';

export function createAcmeActivities(deps: AcmeActivityDeps): AcmeActivities {
  return {
    placeOrder: withBoundary((input) => deps.ca.use((ca) => placeOrder(deps, ca, input))),
    answerChallenges: withBoundary((input) => deps.ca.use((ca) => answerChallenges(ca, input))),
    finalizeOrder: withBoundary((input) => deps.ca.use((ca) => finalizeOrder(deps, ca, input))),
    installCertificate: withBoundary((input) => deps.ca.use((ca) => installCertificate(deps, ca, input))),
    revokeCertificates: withBoundary((input) => revokeCertificates(deps, input)),
  };
}
