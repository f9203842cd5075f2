import { describe, expect, it } from 'vitest';
import { answerChallenge } from '../../../src/acme/authorization.ts';
import type { PlacedOrder } from '../../../src/contract/activities/acme.ts';
import { splitSeal } from '../../../src/contract/sealed-url.ts';
import { isValidationOver } from '../../../src/issuance/answer-challenges.ts';
import { ANY_BUNDLE, runAcmeActivity } from '../../support/acme/run-activity.ts';
import { isRequestFor, useIssuance } from '../../support/acme/use-issuance.ts';
import type { Fault } from '../../support/faults/fault-proxy.ts';
import { failureOf } from '../../support/temporal/run-activity.ts';
import { expectAfter, timed } from '../../support/vitest/timed.ts';

const issuance = useIssuance();

/** The CA still validates the order. */
function stillPending(order: PlacedOrder, headers: Readonly<Record<string, string>> = {}): Fault {
  const authorizations = order.challenges.map((challenge) => challenge.authorizationUrl);
  const finalize = `${issuance().lab.proxy.url}/finalize-order/x`;
  return {
    kind: 'answer',
    status: 200,
    headers,
    body: { status: 'pending', identifiers: [], authorizations, finalize },
  };
}

async function answerTheFirst(order: PlacedOrder): Promise<void> {
  await issuance().lab.source.withClient((ca) => answerChallenge(ca, order.challenges[0]?.challengeUrl ?? ''));
}

describe('answering challenges', () => {
  it('leaves a long wait to the retry of the activity, at the Retry-After', async () => {
    const { activities, lab } = issuance();
    const order = await issuance().placeOrder();
    const slow = lab.proxy.inject({
      when: isRequestFor('order'),
      fault: stillPending(order, { 'retry-after': '240' }),
    });
    const heartbeats: unknown[] = [];
    const onHeartbeat = (details: unknown): void => void heartbeats.push(details);
    const attempt = await timed(() =>
      failureOf(runAcmeActivity(activities, 'answerChallenges', order, { onHeartbeat, once: true })),
    );
    const failure = attempt.value;
    slow.remove();
    expect(failure).toMatchObject({ code: 'acme/pending', retry: 'transient' });
    expectAfter(attempt, failure.notBefore, 240_000);
    expect(failure.retryDelayMs).toBeGreaterThan(240_000 - 1_000 - (attempt.to - attempt.from));
    // It polled once.
    expect(issuance().requestCounts()).toMatchObject({ order: 1 });

    lab.proxy.clearSeen();
    const heartbeatDetails = heartbeats.at(-1);
    await runAcmeActivity(activities, 'answerChallenges', order, { attempt: 2, heartbeatDetails });
    expect(issuance().requestCounts()).toMatchObject({ challenge: 0, order: 1 });
  });

  it('retries after a second without a Retry-After', async () => {
    const { activities, lab } = issuance();
    const order = await issuance().placeOrder();
    const slow = lab.proxy.inject({ when: isRequestFor('order'), fault: stillPending(order) });
    const failure = await failureOf(runAcmeActivity(activities, 'answerChallenges', order, { once: true }));
    slow.remove();
    expect(failure.code).toBe('acme/pending');
    expect(failure.retryDelayMs).toBeLessThanOrEqual(1_000);
  });

  it('that were answered before does not fail', async () => {
    const order = await issuance().placeOrder();
    await answerTheFirst(order);
    await runAcmeActivity(issuance().activities, 'answerChallenges', order);
    expect((await issuance().placeOrder(order.orderUrl)).challenges).toEqual([]);
  });

  it('that the CA validates already does not fail, although Boulder refuses the second answer', async () => {
    const { activities, lab } = issuance();
    const order = await issuance().placeOrder();
    await Promise.all(
      order.challenges.map(({ challengeUrl }) => lab.source.withClient((ca) => answerChallenge(ca, challengeUrl))),
    );
    const problem = { type: 'urn:ietf:params:acme:error:conflict', detail: 'Authorization is being validated' };
    const conflict = lab.proxy.inject({
      when: isRequestFor('challenge'),
      fault: { kind: 'answer', status: 409, headers: { 'content-type': 'application/problem+json' }, body: problem },
    });
    await runAcmeActivity(activities, 'answerChallenges', order);
    expect(conflict.hits()).toBe(order.challenges.length);
    conflict.remove();
  });

  it('ends the validation of the order, as a later attempt finds', async () => {
    const { activities, lab } = issuance();
    const order = await issuance().placeOrder();
    const isOver = () => lab.source.withClient((ca) => isValidationOver(ca, { ...ANY_BUNDLE, ...order }));
    expect(await isOver()).toBe(false);
    await runAcmeActivity(activities, 'answerChallenges', order);
    expect(await isOver()).toBe(true);
  });

  it('answers after a crash only the unanswered ones', async () => {
    const order = await issuance().placeOrder();
    await answerTheFirst(order);
    issuance().lab.proxy.clearSeen();
    await runAcmeActivity(issuance().activities, 'answerChallenges', order, { attempt: 2 });
    expect(issuance().requestCounts()['challenge']).toBe(2);
  });

  it('that do not exist fails', async () => {
    const { activities, lab } = issuance();
    const order = await issuance().placeOrder();
    const url = `${lab.proxy.url}/chalZ/none`;
    const seals = await lab.source.seals();
    const orderUrl = splitSeal(order.orderUrl).url;
    const challenges = order.challenges.map(({ authorizationUrl, ...one }) => {
      const seal = seals?.seal(ANY_BUNDLE.cluster, { of: 'challenge', orderUrl, authorizationUrl, url });
      return { ...one, authorizationUrl, challengeUrl: url, seal };
    });
    const failure = await failureOf(runAcmeActivity(activities, 'answerChallenges', { ...order, challenges }));
    expect(failure.code).toBe('acme/unexpected');
  });
});
