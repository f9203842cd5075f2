import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { fetchAuthorization } from '../acme/authorization.ts';
import { answerChallenge } from '../acme/challenge.ts';
import type { AcmeClient } from '../acme/client.ts';
import { orderFailure } from '../acme/order-failure.ts';
import { AcmeProblemError } from '../acme/problems.ts';
import { waitForOrder } from '../acme/wait-for-order.ts';
import type { PendingChallenge } from '../contract/activities.ts';
import { withProgress } from './progress.ts';

export interface AnswerChallengesInput {
  readonly orderUrl: string;
  readonly challenges: readonly PendingChallenge[];
}

const answeredSchema = z.object({ answered: z.literal(true) });

/** Tells the CA to look at each challenge once, and looks at the one order until it has made up its mind about all of them. */
export async function answerChallenges(ca: AcmeClient, input: AnswerChallengesInput): Promise<void> {
  const { cancellationSignal: signal, info } = Context.current();
  await withProgress(answeredSchema, async (progress) => {
    const justSubmitted = progress.previous === undefined;
    if (justSubmitted) {
      // A first attempt has nothing to find out; a later one was cut off somewhere in the middle.
      const unanswered = info.attempt === 1 ? input.challenges : await pendingChallenges(ca, input.challenges, signal);
      await Promise.all(unanswered.map((challenge) => answer(ca, challenge, signal)));
      progress.record({ answered: true });
    }
    const order = await waitForOrder(
      ca,
      {
        orderUrl: input.orderUrl,
        fromStatus: 'pending',
        what: 'validates the names',
        attempt: info.attempt,
        justSubmitted,
      },
      signal,
    );
    if (order.status === 'invalid') throw await orderFailure(ca, order, signal);
  });
}

async function answer(ca: AcmeClient, challenge: PendingChallenge, signal: AbortSignal): Promise<void> {
  try {
    await answerChallenge(ca, challenge.challengeUrl, signal);
  } catch (error) {
    // An answer that was sent before is refused by some CAs; the authorization tells whether it was that.
    const mayBeAnswered = error instanceof AcmeProblemError && error.code === 'acme/malformed';
    if (!mayBeAnswered || (await pendingChallenges(ca, [challenge], signal)).length > 0) throw error;
  }
}

async function pendingChallenges(
  ca: AcmeClient,
  challenges: readonly PendingChallenge[],
  signal: AbortSignal,
): Promise<PendingChallenge[]> {
  const shown = await Promise.all(challenges.map((one) => fetchAuthorization(ca, one.authorizationUrl, signal)));
  return challenges.filter((challenge, index) => {
    const asShown = shown[index]?.challenges.find((candidate) => candidate.url === challenge.challengeUrl);
    return shown[index]?.status === 'pending' && asShown?.status === 'pending';
  });
}
