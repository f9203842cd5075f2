import { describe, expect, it } from 'vitest';
import type { PlacedOrder } from '../../../activities/contract.ts';
import { answerChallenge } from '../../../src/acme/challenge.ts';
import { runAcmeActivity } from '../../support/acme-activity-run.ts';
import { failureOf } from '../../support/activity-run.ts';
import type { Fault } from '../../support/fault-proxy.ts';
import { expectAfter, timed } from '../../support/timed.ts';
import { asksFor, useIssuance } from '../../support/use-issuance.ts';

const issuance = useIssuance();

/** The CA is not done with the order yet. */
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
  await issuance().lab.source.use((ca) => answerChallenge(ca, order.challenges[0]?.challengeUrl ?? ''));
}

describe('answering challenges', () => {
  it("leaves a long wait to the activity's retry, at the instant that the CA names", async () => {
    const { activities, lab } = issuance();
    const order = await issuance().place();
    const slow = lab.proxy.inject({ when: asksFor('order'), fault: stillPending(order, { 'retry-after': '240' }) });
    const heartbeats: unknown[] = [];
    const onHeartbeat = (details: unknown): void => void heartbeats.push(details);
    const attempt = await timed(() =>
      failureOf(runAcmeActivity(activities, 'answerChallenges', order, { onHeartbeat, once: true })),
    );
    const failure = attempt.value;
    slow.remove();
    expect(failure).toMatchObject({ code: 'acme/pending', stance: 'soon' });
    expectAfter(attempt, failure.notBefore, 240_000);
    expect(failure.retryDelayMs).toBeGreaterThan(240_000 - 1_000 - (attempt.to - attempt.from));
    // It looked once, and did not wait for a second look.
    expect(issuance().asked()).toMatchObject({ order: 1 });

    lab.proxy.forget();
    const heartbeatDetails = heartbeats.at(-1);
    await runAcmeActivity(activities, 'answerChallenges', order, { attempt: 2, heartbeatDetails });
    expect(issuance().asked()).toMatchObject({ challenge: 0, order: 1 });
  });

  it('waits a second at a time when the CA names no instant', async () => {
    const { activities, lab } = issuance();
    const order = await issuance().place();
    const slow = lab.proxy.inject({ when: asksFor('order'), fault: stillPending(order) });
    const failure = await failureOf(runAcmeActivity(activities, 'answerChallenges', order, { once: true }));
    slow.remove();
    expect(failure.code).toBe('acme/pending');
    expect(failure.retryDelayMs).toBeLessThanOrEqual(1_000);
  });

  it('that were answered before is no failure', async () => {
    const order = await issuance().place();
    await answerTheFirst(order);
    await runAcmeActivity(issuance().activities, 'answerChallenges', order);
    expect((await issuance().place(order.orderUrl)).challenges).toEqual([]);
  });

  it('answers after a crash only what is not answered yet', async () => {
    const order = await issuance().place();
    await answerTheFirst(order);
    issuance().lab.proxy.forget();
    await runAcmeActivity(issuance().activities, 'answerChallenges', order, { attempt: 2 });
    expect(issuance().asked()['challenge']).toBe(2);
  });

  it('that do not exist is a failure', async () => {
    const { activities, lab } = issuance();
    const order = await issuance().place();
    const challenges = order.challenges.map((one) => ({ ...one, challengeUrl: `${lab.proxy.url}/chalZ/none` }));
    const failure = await failureOf(runAcmeActivity(activities, 'answerChallenges', { ...order, challenges }));
    expect(failure.code).toBe('acme/unexpected');
  });
});
