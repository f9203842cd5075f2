/** What single checks make of what they find. */
import packet from 'dns-packet';
import { describe, expect, it } from 'vitest';
import type { AcmeDirectory } from '../../../../src/acme/directory.ts';
import { ariFinding, profileFinding, skewFinding, termsFinding } from '../../../../src/cli/doctor/ca-checks.ts';
import { publicFinding } from '../../../../src/cli/doctor/cluster-checks.ts';
import { requiredAccess } from '../../../../src/cli/doctor/kubernetes-checks.ts';
import { answerFinding } from '../../../../src/cli/doctor/resolver-checks.ts';
import { differingSettings } from '../../../../src/cli/doctor/settings-checks.ts';
import { priorityFinding } from '../../../../src/cli/doctor/temporal-checks.ts';
import type { Finding } from '../../../../src/dns/finding.ts';

const directory = (more: Partial<AcmeDirectory> = {}): AcmeDirectory => ({
  newNonce: 'https://ca.example/nonce',
  newAccount: 'https://ca.example/account',
  newOrder: 'https://ca.example/order',
  revokeCert: 'https://ca.example/revoke',
  ...more,
});

describe('the clock', () => {
  it.each([
    [0, 'passed'],
    [-20_000, 'passed'],
    [31_000, 'warning'],
    [-300_000, 'warning'],
    [undefined, 'warning'],
  ] as const)('%d ms ahead: %s', (skewMs, status) => {
    expect(skewFinding(skewMs).status).toBe(status);
  });

  it.each([
    [301_000, /301 s behind/],
    [-7_200_000, /7200 s ahead/],
  ])('%d ms: fails', (skewMs, message) => {
    expect(() => skewFinding(skewMs)).toThrow(message);
  });
});

describe('the CA', () => {
  it('needs the profile of the settings', () => {
    const offers = directory({ meta: { profiles: { classic: 'x', tlsserver: 'y' } } });
    expect(profileFinding(offers, undefined).message).toContain('classic, tlsserver');
    expect(profileFinding(offers, 'tlsserver').status).toBe('passed');
    expect(() => profileFinding(offers, 'toString')).toThrow(/not offer the profile toString, but classic, tlsserver/);
    expect(() => profileFinding(directory(), 'classic')).toThrow(/but none/);
  });

  it('warns of external account binding before there is an account', () => {
    const bound = directory({ meta: { externalAccountRequired: true } });
    expect(termsFinding(bound, false)).toMatchObject({
      status: 'warning',
      remedy: expect.stringContaining('--eab-secret'),
    });
    expect(termsFinding(bound, true).status).toBe('passed');
    expect(termsFinding(directory(), false).status).toBe('passed');
  });

  it('warns without renewal information', () => {
    expect(ariFinding(directory({ renewalInfo: 'https://ca.example/ari' }), 'ari').status).toBe('passed');
    expect(ariFinding(directory(), 'ari').message).toContain('policy ari needs');
    expect(ariFinding(directory(), 'renew-before').message).not.toContain('policy ari');
  });
});

describe('priorities', () => {
  it.each([
    ['1.29.1', ['3'], 'warning'],
    ['1.30.2', [], 'warning'],
    ['1.29.1', ['2', '3'], 'passed'],
    ['1.31.0', ['3'], 'passed'],
    ['2.0.0', [], 'passed'],
    ['', [], 'warning'],
  ])('of server %s with tasks of %j: %s', (version, used, status) => {
    expect(priorityFinding(version, used).status).toBe(status);
  });
});

describe('a resolver', () => {
  const answer = (flags: number, name = '.') =>
    packet.encode({ type: 'response', id: 0, flags, questions: [{ type: 'SOA', class: 'IN', name }] });

  it.each([
    ['validates', packet.AUTHENTIC_DATA, 'passed'],
    ['does not validate', 0, 'warning'],
    ['refuses the root', 5, 'warning'],
    ['fails', 2, 'warning'],
  ])('that %s', (_name, flags, status) => {
    expect(answerFinding(answer(flags)).status).toBe(status);
  });

  it('that answers something else fails', () => {
    expect(() => answerFinding(answer(0, 'example.com'))).toThrow(/no DNS answer/);
    expect(() => answerFinding(Buffer.from('<html>'))).toThrow(/no DNS answer/);
  });
});

describe('public DNS', () => {
  const refused = (code: 'dns/notDelegated' | 'dns/dnssecBroken' | 'dns/caaForbids'): Finding => ({
    kind: 'refused',
    refusal: { code, message: `${code} it is.`, remedy: 'Mend it.' },
  });

  it('fails the check that a refusal is about, and no other', () => {
    expect(() => publicFinding([refused('dns/caaForbids')], 'dns/caaForbids')).toThrow('dns/caaForbids it is.');
    expect(publicFinding([refused('dns/dnssecBroken')], 'dns/notDelegated')).toMatchObject({
      status: 'warning',
      remedy: 'First: dns/dnssecBroken it is.',
    });
  });

  it('warns of what is not decided', () => {
    const undecided: Finding = { kind: 'undecided', why: 'r: it cannot be reached (ENOTFOUND)' };
    expect(publicFinding([{ kind: 'passed' }, undecided], 'dns/caaForbids').status).toBe('warning');
    expect(publicFinding([{ kind: 'passed' }], 'dns/caaForbids').status).toBe('passed');
  });
});

describe('the rights', () => {
  it('are looked at in every namespace, or in those that are served', () => {
    const all = requiredAccess({ namespace: 'home' });
    expect(all).toContainEqual(expect.objectContaining({ verb: 'watch', namespace: 'home', name: 'certman-operator' }));
    const inNamespaces = new Set(all.map(({ namespace }) => namespace));
    expect(inNamespaces).toEqual(new Set([undefined, 'home']));
    const some = requiredAccess({ namespace: 'home', watchNamespaces: ['a', 'b'] });
    expect(some).toContainEqual(
      expect.objectContaining({ verb: 'watch', resource: 'clusterdeployments', namespace: 'b' }),
    );
    expect(some.filter(({ namespace }) => namespace === undefined)).toEqual([
      { group: '', resource: 'namespaces', verb: 'get', name: 'kube-system', namespace: undefined },
    ]);
  });
});

describe('the settings of the workers', () => {
  it('differ where another value, or another default, is in force', () => {
    const workers = {
      CERTMAN_MANAGEMENT_CLUSTER: 'hive',
      CERTMAN_KEY_TYPE: 'p-256',
      CERTMAN_ACME_PROFILE: 'tlsserver',
      TEMPORAL_ADDRESS: 'temporal:7233',
      CERTMAN_ALLOW_PLAINTEXT_TEMPORAL: 'true',
    };
    expect(differingSettings(workers, {})).toEqual(['CERTMAN_ACME_PROFILE', 'CERTMAN_KEY_TYPE']);
    expect(differingSettings(workers, { CERTMAN_ACME_PROFILE: 'tlsserver', CERTMAN_KEY_TYPE: 'p-256' })).toEqual([]);
  });
});
