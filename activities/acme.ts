/**
 * The activities that talk to the CA (RFC 8555). Keys are made, staged and installed here, so that none leaves the worker.
 * Every one may be killed at any instant and run again: what it did already is found, not done twice.
 */

import type { AcmeActivities } from '../src/contract/activities.ts';
import { answerChallenges } from '../src/issuance/answer-challenges.ts';
import type { IssuanceDeps } from '../src/issuance/dependencies.ts';
import { finalizeOrder } from '../src/issuance/finalize-order.ts';
import { installCertificate } from '../src/issuance/install-certificate.ts';
import { placeOrder } from '../src/issuance/place-order.ts';
import { revokeCertificates } from '../src/issuance/revoke-certificates.ts';
import { wrapActivity } from './wrap-activity.ts';

export type { IssuanceDeps } from '../src/issuance/dependencies.ts';

export function createAcmeActivities(deps: IssuanceDeps): AcmeActivities {
  return {
    placeOrder: wrapActivity((input) => deps.ca.withClient((ca) => placeOrder(deps, ca, input))),
    answerChallenges: wrapActivity((input) => deps.ca.withClient((ca) => answerChallenges(ca, input))),
    finalizeOrder: wrapActivity((input) => deps.ca.withClient((ca) => finalizeOrder(deps, ca, input))),
    installCertificate: wrapActivity((input) => deps.ca.withClient((ca) => installCertificate(deps, ca, input))),
    revokeCertificates: wrapActivity((input) => revokeCertificates(deps, input)),
  };
}
