import { expect, test, vi } from 'vitest';
import { createProgram } from '../../../../src/cli/program.ts';

/** @returns what it prints. */
async function budget(...args: readonly string[]): Promise<string> {
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const refused = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await createProgram().parseAsync(['budget', ...args], { from: 'user' });
    return written.mock.calls.map(([text]) => text).join('');
  } finally {
    written.mockRestore();
    refused.mockRestore();
  }
}

test.each(['', 'foo bar', 'https://example.com/', 'localhost', 'co.uk', 'com', 'github.io', '192.0.2.1'])(
  'forecasts nothing for the domain "%s", below which the CA has no limit',
  async (domain) => {
    await expect(budget('--forecast', '10', '--domain', domain)).rejects.toMatchObject({
      code: 'configuration/invalid',
      message: expect.stringContaining('expected a registered domain') as string,
    });
  },
);

test.each([
  ['--forecast', '0'],
  ['--forecast', '10001'],
  ['--orders-per-account', '999'],
  ['--certificates-per-domain', '999999999'],
])('rejects %s %s', async (option, value) => {
  const args = new Map([
    ['--forecast', '10'],
    ['--domain', 'example.com'],
    [option, value],
  ]);
  await expect(budget(...[...args].flat())).rejects.toMatchObject({ code: 'commander.invalidArgument' });
});

test('forecasts for clusters with domains of their own, by the limit of the account alone', async () => {
  const printed = await budget('--forecast', '1000', '--json');
  const { domain, limitedBy, milestones } = JSON.parse(printed) as {
    readonly domain?: string;
    readonly limitedBy?: string;
    readonly milestones: readonly { readonly clusters: number; readonly afterMs: number }[];
  };
  expect({ domain, limitedBy, all: milestones.at(-1)?.clusters }).toEqual({
    domain: undefined,
    limitedBy: 'account',
    all: 1000,
  });
  const text = await budget('--forecast', '1000');
  expect(text).toContain('for new orders of the account.\nEach cluster counts with a registered domain of its own');
  await expect(budget('--forecast', '10', '--certificates-per-domain', '1000')).rejects.toMatchObject({
    message: expect.stringContaining('needs --domain') as string,
  });
});

test('forecasts for the registered domain of a name', async () => {
  const printed = await budget('--forecast', '51', '--domain', '*.apps.P1.Example.com.', '--json');
  expect(JSON.parse(printed)).toMatchObject({ domain: 'example.com', limitedBy: 'domain' });
});
