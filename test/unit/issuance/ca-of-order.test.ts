import { describe, expect, it } from 'vitest';
import { CaHealth } from '../../../src/acme/ca-health.ts';
import type { CaList } from '../../../src/acme/ca-list.ts';
import type { AcmeClient } from '../../../src/acme/client.ts';
import { CertmanError, type FailureCode } from '../../../src/failures/failure.ts';
import { withCaOfOrder } from '../../../src/issuance/ca-of-order.ts';
import { ANY_BUNDLE } from '../../support/acme/run-activity.ts';
import { SEALED } from '../../support/dns/sealed-records.ts';

const unreachable = new CertmanError({ code: 'acme/unreachable', message: 'no route' });

/** Two CAs, of which one has placed the order. */
function list(of: 'first' | 'second') {
  const [first, second] = ['first', 'second'].map((name) => ({
    name,
    health: new CaHealth({ failoverAfterMs: 0 }),
    withClient: (work: (ca: AcmeClient) => unknown) => work({ host: name } as AcmeClient),
  }));
  const all = [first, second];
  const cas = {
    ...SEALED.ca,
    first,
    fallbacks: [second],
    ofOrder: () => Promise.resolve(of === 'first' ? first : second),
    from: (start: unknown) => [start, ...all.filter((one) => one !== start)],
  } as unknown as CaList;
  return { cas, first: first?.health, second: second?.health };
}

/** @returns the code of the failure, or the CA that did the work. */
async function outcome(cas: CaList, code?: FailureCode): Promise<string> {
  const order = { ...ANY_BUNDLE, orderUrl: 'https://ca.test/order/1' };
  const work = ({ ca }: { readonly ca: AcmeClient }) =>
    code === undefined ? Promise.resolve(ca.host) : Promise.reject(new CertmanError({ code, message: 'a test' }));
  return await withCaOfOrder(cas, order, work, new AbortController().signal).catch((error: unknown) =>
    error instanceof CertmanError ? error.code : String(error),
  );
}

function fail(health: CaHealth | undefined): void {
  for (let count = 0; count < 3; count += 1) health?.failed('finalize', unreachable);
}

describe('an order under way', () => {
  it('continues at its own CA', async () => {
    expect(await outcome(list('first').cas)).toBe('first');
    expect(await outcome(list('second').cas)).toBe('second');
  });

  it('is left when its CA fails for too long, while another one does not', async () => {
    const { cas, first, second } = list('first');
    expect(await outcome(cas, 'acme/unreachable')).toBe('acme/unreachable');
    fail(first);
    expect(await outcome(cas, 'acme/unreachable')).toBe('acme/caFailing');
    expect(await outcome(cas, 'acme/challengeFailed')).toBe('acme/challengeFailed');
    second?.refuseChain('no root');
    expect(await outcome(cas, 'acme/unreachable')).toBe('acme/unreachable');
  });

  it('is not left when all fail', async () => {
    const { cas, first, second } = list('first');
    fail(first);
    fail(second);
    expect(await outcome(cas, 'acme/serverError')).toBe('acme/serverError');
  });

  it('shows when clients would refuse the chain of a fallback CA', async () => {
    const { cas, second } = list('second');
    expect(await outcome(cas, 'certificate/chainNotTrusted')).toBe('certificate/chainNotTrusted');
    expect(second?.untrusted()).toBe('a test');
  });
});
