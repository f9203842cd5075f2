/** The IAM policies in deploy/examples/aws-iam against the code that they are for. */
import { Route53 } from '@aws-sdk/client-route-53';
import { STS } from '@aws-sdk/client-sts';
import { describe, expect, test } from 'vitest';
import { dns01RecordName } from '../../../src/certificates/dns-name.ts';
import { route53Region } from '../../../src/dns/route53/region.ts';
import { filesBelow, filesIn, read } from '../repository/files.ts';

interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: string;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

const policy = (file: string) =>
  (JSON.parse(read(`deploy/examples/aws-iam/${file}`)) as { readonly Statement: readonly Statement[] }).Statement;

const actionsOf = (statements: readonly Statement[]) => statements.flatMap(({ Action }) => Action).sort();

const SOURCES = filesBelow('src')
  .filter((file) => file.endsWith('.ts'))
  .map(read)
  .join('\n');

/** Actions of a client of the SDK that are called anywhere, as IAM names them. */
function actionsCalled(service: string, client: { readonly prototype: object }): readonly string[] {
  const methods = new Set(Object.getOwnPropertyNames(client.prototype));
  const called = [...SOURCES.matchAll(/\.(\w+)\(/g)].flatMap(([, name = '']) => (methods.has(name) ? name : []));
  const names = new Set(called.filter((name) => name !== 'constructor'));
  return [...names].map((name) => `${service}:${name.charAt(0).toUpperCase()}${name.slice(1)}`).sort();
}

/** The operations of changes that the code submits. */
const SUBMITTED = new Set([...SOURCES.matchAll(/action: '(CREATE|UPSERT|DELETE)'/g)].map(([, action]) => action));

describe('the policy of the hosted zone', () => {
  const statements = policy('hosted-zone.json');

  test('allows the actions that the code calls, and no more', () => {
    expect(actionsOf(statements)).toEqual(actionsCalled('route53', Route53));
    expect(new Set(statements.map(({ Effect }) => Effect))).toEqual(new Set(['Allow']));
  });

  test('allows what has a resource on that resource only', () => {
    const everywhere = statements.filter(({ Resource }) => Resource === '*');
    expect(actionsOf(everywhere)).toEqual(['route53:ListHostedZones']);
  });

  test('allows changes to TXT records of challenges only, by the operations that the code submits', () => {
    const [change] = statements.filter(({ Action }) => Action === 'route53:ChangeResourceRecordSets');
    const {
      'ForAllValues:StringEquals': equal = {},
      'ForAllValues:StringLike': like = {},
      Null,
    } = change?.Condition ?? {};
    expect(equal['route53:ChangeResourceRecordSetsRecordTypes']).toEqual(['TXT']);
    expect(new Set(equal['route53:ChangeResourceRecordSetsActions'])).toEqual(SUBMITTED);
    const [pattern = ''] = like['route53:ChangeResourceRecordSetsNormalizedRecordNames'] ?? [];
    for (const name of ['api.c1.example.com', 'apps.c1.example.com']) {
      expect(dns01RecordName(name)).toMatch(
        new RegExp(`^${pattern.replaceAll('.', String.raw`\.`).replace('*', '.*')}$`),
      );
    }
    // An operator with ForAllValues is also met by a request without the key.
    const keys = [...Object.keys(equal), ...Object.keys(like)];
    expect(Null).toEqual(Object.fromEntries(keys.map((key) => [key, 'false'])));
  });
});

test('the policy of the challenge zone allows the same but to list zones, for TXT records of any name in it', () => {
  const statements = policy('challenge-zone.json');
  expect(actionsOf(statements)).toEqual(
    actionsOf(policy('hosted-zone.json')).filter((action) => action !== 'route53:ListHostedZones'),
  );
  const [change] = statements.filter(({ Action }) => Action === 'route53:ChangeResourceRecordSets');
  const equal = change?.Condition?.['ForAllValues:StringEquals'] ?? {};
  expect(equal['route53:ChangeResourceRecordSetsRecordTypes']).toEqual(['TXT']);
  expect(new Set(equal['route53:ChangeResourceRecordSetsActions'])).toEqual(SUBMITTED);
  expect(change?.Condition?.['Null']).toEqual(Object.fromEntries(Object.keys(equal).map((key) => [key, 'false'])));
});

test('the policy of the role allows the actions of STS that the code calls', () => {
  expect(actionsOf(policy('assume-role.json'))).toEqual(actionsCalled('sts', STS));
});

describe('in another partition of AWS', () => {
  const page = read('docs/operations.md');
  const rows = [...page.matchAll(/^\| `([a-z]+-(?:[a-z]+-)?)…` .*\| `(aws-[a-z-]+)` \|$/gm)];

  test('each partition whose Route 53 the code addresses has its name in the documents', () => {
    expect(rows.map(([, prefix]) => prefix)).toEqual(['us-gov-', 'cn-', 'eusc-']);
    const regions = rows.map(([, prefix]) => route53Region(`${prefix}somewhere-1`));
    expect(new Set([...regions, route53Region('eu-west-1')]).size).toBe(rows.length + 1);
    // Route 53 signs in a region of the same partition.
    for (const [index, [, prefix = '']] of rows.entries()) expect(regions[index]?.startsWith(prefix)).toBe(true);
  });

  test.each(filesIn('deploy/examples/aws-iam', '.json'))(
    'the documented substitution changes every ARN of %s',
    (file) => {
      const [, from = '', to = ''] = /^sed 's\/(.+)\/(.+)\/' deploy\/examples\/aws-iam\//m.exec(page) ?? [];
      expect(rows.map(([, , partition]) => `"arn:${partition}:`)).toContain(to);
      // sed changes the first of a line.
      const lines = read(`deploy/examples/aws-iam/${file}`)
        .split('\n')
        .map((line) => line.replace(from, to));
      const resources = [...lines.join('\n').matchAll(/"Resource": "(.*)"/g)].map(([, resource = '']) => resource);
      expect(resources.length).toBeGreaterThan(0);
      expect(resources.filter((resource) => resource !== '*' && !resource.startsWith(to.slice(1)))).toEqual([]);
      expect(lines.join('\n')).not.toContain(from);
    },
  );
});
