import { describe, expect, test } from 'vitest';
import { KillTriggers } from '../../chaos/kills/kill-triggers.ts';
import type { ExternalRequest, ExternalResponse } from '../../chaos/relays/exchange.ts';

const finalize: ExternalRequest = {
  system: 'ca',
  method: 'POST',
  path: '/finalize-order/a',
  contentType: 'application/jose+json',
  body: Buffer.alloc(0),
  worker: 'worker-1 incarnation 1',
};
const answer: ExternalResponse = { status: 200, headers: {}, body: Buffer.from('{}') };

/** @param dies whether the workers are still to be killed. */
function armed(moment: 'before' | 'after', dies = true, request: 'finalize' | 'takeActivity' = 'finalize') {
  const killed: string[] = [];
  const traps = new KillTriggers();
  traps.attach({
    kill: (life) => {
      if (dies) killed.push(life);
      return Promise.resolve(dies);
    },
  });
  return { traps, killed, trap: traps.arm({ request, moment }) };
}

describe('a trap', () => {
  test('for the moment before kills before the server receives the request', async () => {
    const { traps, killed, trap } = armed('before');
    await expect(traps.beforeRequest(finalize)).resolves.toBe('cut');
    await expect(trap.fired).resolves.toBe('worker-1 incarnation 1');
    expect(killed).toEqual(['worker-1 incarnation 1']);
  });

  test('for the moment after kills once the server has processed the request', async () => {
    const { traps, killed } = armed('after');
    await expect(traps.beforeRequest(finalize)).resolves.toBe('pass');
    expect(killed).toEqual([]);
    await expect(traps.afterResponse(finalize, answer)).resolves.toBe('cut');
    expect(killed).toEqual(['worker-1 incarnation 1']);
  });

  test('fires once', async () => {
    const { traps, killed } = armed('before');
    await traps.beforeRequest(finalize);
    await expect(traps.beforeRequest(finalize)).resolves.toBe('pass');
    expect(killed).toHaveLength(1);
  });

  test('lets other requests pass, and those of unknown workers', async () => {
    const { traps, killed } = armed('before');
    await expect(traps.beforeRequest({ ...finalize, path: '/order-plz' })).resolves.toBe('pass');
    await expect(traps.beforeRequest({ ...finalize, worker: undefined })).resolves.toBe('pass');
    expect(killed).toEqual([]);
  });

  test('stays armed when the worker has already ended', async () => {
    const { traps } = armed('before', false);
    await expect(traps.beforeRequest(finalize)).resolves.toBe('cut');
    await expect(traps.beforeRequest(finalize)).resolves.toBe('cut');
  });

  test('lets everything pass when it is disarmed', async () => {
    const { traps, trap } = armed('before');
    trap.disarm();
    await expect(traps.beforeRequest(finalize)).resolves.toBe('pass');
  });

  test('for a task does not fire at a poll without a task', async () => {
    const poll = { ...finalize, system: 'temporal' as const, path: '/x/PollActivityTaskQueue' };
    const { traps } = armed('after', true, 'takeActivity');
    await expect(traps.afterResponse(poll, { ...answer, body: Buffer.alloc(5) })).resolves.toBe('pass');
    await expect(traps.afterResponse(poll, { ...answer, body: Buffer.alloc(90) })).resolves.toBe('cut');
  });
});
