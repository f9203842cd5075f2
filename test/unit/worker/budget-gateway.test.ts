import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import type { CaBudgetInput } from '../../../src/contract/ca-budget.ts';
import { createBudgetGateway } from '../../../src/worker/budget-gateway.ts';
import type { CertificateInUse } from '../../../src/worker/list-certificates-in-use.ts';

const CLOSED = Date.now() - 3_600_000;
const INSTALLED = CLOSED + 1;

const warnings: string[] = [];

/** @returns what a budget of `caHost` is started with that no workflow keeps yet. */
async function startedWith(
  caHost: string,
  firstCa: string | undefined,
  inUse: readonly CertificateInUse[] = [],
): Promise<CaBudgetInput['used']> {
  let started: CaBudgetInput | undefined;
  const executeUpdate = () =>
    started === undefined
      ? Promise.reject(new WorkflowNotFoundError('none', 'budget', undefined))
      : Promise.resolve([]);
  const start = (_type: string, { args }: { readonly args: readonly [CaBudgetInput] }) => {
    [started] = args;
    return Promise.resolve();
  };
  const client = {
    workflow: { getHandle: () => ({ executeUpdate }), start },
    withDeadline: (_deadline: number, request: () => unknown) => request(),
  } as unknown as Client;
  async function* list() {
    yield await Promise.resolve({ closeTime: CLOSED, dnsNames: ['api.c1.example.com'], nameSet: 'set' });
  }
  const gateway = createBudgetGateway({
    client,
    list,
    listInUse: async function* listInUse() {
      yield* await Promise.resolve(inUse);
    },
    firstCa: () => Promise.resolve(firstCa),
    startWorker: () => undefined,
    onWarning: (message) => warnings.push(message),
  });
  await gateway.reserve({ caHost, accountUrl: `https://${caHost}/acct/1` }, [], { since: 0 });
  return started?.used;
}

describe('a budget that is not there yet starts', () => {
  test('with what visibility knows to be used', async () => {
    const used = [
      ['account', [CLOSED]],
      ['domain:example.com', [CLOSED]],
    ];
    expect(await startedWith('first.test', 'first.test')).toEqual(used);
    expect(await startedWith('first.test', undefined)).toEqual(used);
  });

  const inUse = (nameSet: string, caHost?: string): CertificateInUse => ({
    closeTime: INSTALLED,
    dnsNames: ['api.c2.example.com'],
    nameSet,
    caHost,
  });

  test('with the most that are listed, and a warning, where there are more', async () => {
    warnings.length = 0;
    await startedWith('first.test', 'first.test', [inUse('other')]);
    expect(warnings).toEqual([]);
    await startedWith('first.test', 'first.test', Array<CertificateInUse>(40_000).fill(inUse('other')));
    expect(warnings).toEqual([expect.stringMatching(/^The budget of first\.test starts with 40000 certificates/)]);
  });

  test('with the certificates in use of which visibility has no issuance', async () => {
    const used = [
      ['account', [CLOSED, INSTALLED, INSTALLED]],
      ['domain:example.com', [CLOSED, INSTALLED, INSTALLED]],
    ];
    const found = [
      inUse('lost', 'first.test'),
      inUse('adopted'),
      inUse('set', 'first.test'),
      inUse('x', 'second.test'),
    ];
    expect(await startedWith('first.test', 'first.test', found)).toEqual(used);
  });

  test('at a fallback CA with the certificates in use that are its own', async () => {
    const found = [inUse('set', 'second.test'), inUse('x', 'first.test'), inUse('adopted')];
    const used = [
      ['account', [INSTALLED]],
      ['domain:example.com', [INSTALLED]],
    ];
    expect(await startedWith('second.test', 'first.test', found)).toEqual(used);
  });

  test('with nothing used at a fallback CA, from which others were not ordered', async () => {
    expect(await startedWith('second.test', 'first.test')).toEqual([]);
  });
});
