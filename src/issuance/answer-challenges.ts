import { z } from 'zod';
import { answerChallenge, FailedAuthorizationsError, fetchAuthorization } from '../acme/authorization.ts';
import type { AcmeClient } from '../acme/client.ts';
import { fetchOrder, orderFailure } from '../acme/order.ts';
import { AcmeProblemError } from '../acme/problems.ts';
import { waitForOrder } from '../acme/wait-for-order.ts';
import type { AnswerChallengesInput, PendingChallenge } from '../contract/activities/acme.ts';
import { oneLine } from '../failures/printable.ts';
import { notAskedFor } from '../kubernetes/objects/asked-for.ts';
import type { IssuanceContext } from './context.ts';
import { requireOrder } from './require-order.ts';

const progressSchema = z.object({ answered: z.literal(true) });

/**
 * Answers each challenge once, awaits validation.
 * @throws CertmanError `kubernetes/notAskedFor` for what was not placed for this bundle; any `acme/` code, `acme/pending`
 * while the CA validates.
 */
export async function answerChallenges(context: IssuanceContext, input: AnswerChallengesInput): Promise<void> {
  const { ca, attempt } = context;
  const orderUrl = requireOrder(ca, input);
  const { cluster } = input;
  for (const { authorizationUrl, challengeUrl: url, seal } of input.challenges) {
    const isOwn = ca.session.seals.verify(cluster, { of: 'challenge', orderUrl, authorizationUrl, url }, seal);
    if (!isOwn) throw notAskedFor(cluster, `The challenge ${oneLine(String(url), 300)} is not one of its order's.`);
  }
  const justSubmitted = !progressSchema.safeParse(context.recorded).success;
  if (justSubmitted) {
    // A later attempt without progress was interrupted: some challenges may be answered.
    const unanswered = attempt === 1 ? input.challenges : await unansweredChallenges(ca, input.challenges);
    await Promise.all(unanswered.map((challenge) => answer(ca, challenge)));
    context.note({ answered: true });
  }
  const order = await waitForOrder(ca, { orderUrl, fromStatus: 'pending', attempt, justSubmitted });
  if (order.status !== 'invalid') return;
  const failure = await orderFailure(ca, order);
  if (failure instanceof FailedAuthorizationsError) await context.budget?.onAuthorizationsFailed(ca, failure);
  throw failure;
}

/**
 * Whether the CA has validated an order's names, or given it up: it looks at no TXT record of it any more.
 * @throws CertmanError `kubernetes/notAskedFor` for an order that was not placed for this bundle; any `acme/` code.
 */
export async function isValidationOver(
  ca: AcmeClient,
  input: Pick<AnswerChallengesInput, 'cluster' | 'bundleName' | 'orderUrl'>,
): Promise<boolean> {
  const { status } = await fetchOrder(ca, requireOrder(ca, input));
  return status !== 'pending';
}

async function answer(ca: AcmeClient, challenge: PendingChallenge): Promise<void> {
  try {
    await answerChallenge(ca, challenge.challengeUrl, challenge.keyThumbprint);
  } catch (error) {
    // Boulder: it validates the challenge already, which it shows as pending meanwhile.
    if (error instanceof AcmeProblemError && error.status === 409) return;
    // Some CAs reject a second answer; the challenge's status shows whether this was one.
    const mayBeAnswered = error instanceof AcmeProblemError && error.code === 'acme/malformed';
    if (!mayBeAnswered || (await unansweredChallenges(ca, [challenge])).length > 0) throw error;
  }
}

async function unansweredChallenges(
  ca: AcmeClient,
  challenges: readonly PendingChallenge[],
): Promise<PendingChallenge[]> {
  const authorizations = await Promise.all(challenges.map((one) => fetchAuthorization(ca, one.authorizationUrl)));
  return challenges.filter(({ challengeUrl }, index) => {
    const authorization = authorizations[index];
    const current = authorization?.challenges.find(({ url }) => url === challengeUrl);
    return authorization?.status === 'pending' && current?.status === 'pending';
  });
}
