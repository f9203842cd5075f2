import { NamespaceNotFoundError } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { Check, CheckFailure, failedMessage, passed, warning } from '../../../../src/cli/doctor/check.ts';
import { groupText, resultText, summaryText } from '../../../../src/cli/doctor/report-text.ts';
import { CertmanError } from '../../../../src/failures/failure.ts';

const MANY_MS = 60_000;
const about = (id: string) => ({ id, group: 'Group', title: `${id} works` });
const works = () => new Check({ ...about('works'), run: () => Promise.resolve(passed('yes', 7)) });
const fails = () =>
  new Check<number>({ ...about('fails'), run: () => Promise.reject(new CheckFailure('It is broken.', 'Mend it.')) });

describe('a check', () => {
  it('hands what it found to those that need it', async () => {
    const first = works();
    const second = new Check({
      ...about('second'),
      needs: [first],
      run: () => Promise.resolve(passed(`${first.value + 1}`)),
    });
    expect(await second.result(MANY_MS)).toMatchObject({
      status: 'passed',
      message: '8',
      docs: 'docs/doctor.md#second',
    });
  });

  it('is skipped when what it needs failed, or was skipped, and says so', async () => {
    const second = new Check({ ...about('second'), needs: [fails()], run: () => Promise.reject(new Error('ran')) });
    const third = new Check({
      ...about('third'),
      needs: [works(), second],
      run: () => Promise.reject(new Error('ran')),
    });
    expect(await second.result(MANY_MS)).toMatchObject({ status: 'skipped', message: 'Not checked: it needs fails.' });
    expect(await third.result(MANY_MS)).toMatchObject({ status: 'skipped', message: 'Not checked: it needs second.' });
  });

  it('says what its failure means in the words of what it needs', async () => {
    const remedy = (error: unknown) =>
      error instanceof CertmanError ? new CheckFailure(error.message, 'Ask.') : error;
    const client = new Check({ ...about('client'), forPeople: remedy, run: () => Promise.resolve(passed('yes', 7)) });
    const between = new Check({ ...about('between'), needs: [client], run: () => Promise.resolve(passed('yes')) });
    const refused = new CertmanError({ code: 'kubernetes/forbidden', message: 'No.', remedy: 'Of a worker.' });
    const check = new Check({ ...about('check'), needs: [between], run: () => Promise.reject(refused) });
    expect(await check.result(MANY_MS)).toMatchObject({ status: 'failed', message: 'No.', remedy: 'Ask.' });
  });

  it('runs after a warning of what it needs', async () => {
    const first = new Check({ ...about('first'), run: () => Promise.resolve(warning('Not so good.', 'Look.', 1)) });
    const second = new Check({ ...about('second'), needs: [first], run: () => Promise.resolve(passed('yes')) });
    expect((await second.result(MANY_MS)).status).toBe('passed');
  });

  it('fails when there is no answer in time', async () => {
    const endless = new Check({ ...about('endless'), remedy: 'Wait.', run: () => new Promise<never>(() => undefined) });
    const result = await endless.result(1);
    expect(result).toMatchObject({
      status: 'failed',
      message: 'There was no answer within 0.001 s.',
      remedy: expect.stringMatching(/^Wait\. .*--timeout SECONDS/),
    });
  });

  it('fails on any error, also on one that is thrown at once', async () => {
    const thrower = new Check({
      ...about('thrower'),
      run: () => {
        throw new TypeError('no such thing');
      },
    });
    expect(await thrower.result(MANY_MS)).toMatchObject({ status: 'failed', message: 'no such thing' });
  });

  it('says of a namespace that is not found, where another check has found it, that the store cannot be read', async () => {
    const lost = new Check({ ...about('lost'), run: () => Promise.reject(new NamespaceNotFoundError('default')) });
    expect(await lost.result(MANY_MS)).toMatchObject({
      status: 'failed',
      message: expect.stringContaining('cannot read its store') as string,
      remedy: expect.stringContaining('the database of Temporal') as string,
    });
  });

  it('runs once, however many need it', async () => {
    let runs = 0;
    const counted = new Check({ ...about('counted'), run: () => Promise.resolve(passed(`${++runs}`)) });
    const others = [1, 2, 3].map(
      (n) => new Check({ ...about(`other:${n}`), needs: [counted], run: () => Promise.resolve(passed('yes')) }),
    );
    const results = await Promise.all([...others, counted].map((check) => check.result(MANY_MS)));
    expect(results.map(({ status }) => status)).toEqual(['passed', 'passed', 'passed', 'passed']);
    expect(runs).toBe(1);
    expect(results[0]?.docs).toBe('docs/doctor.md#other');
  });
});

describe('the report', () => {
  it('has a mark, what was found, and below what is wrong a remedy and a link', async () => {
    const [good, bad] = await Promise.all([works().result(MANY_MS), fails().result(MANY_MS)]);
    expect(resultText(good)).toBe('✓ works works: yes');
    expect(resultText(bad)).toBe('✗ fails works\n    It is broken.\n    Mend it.\n    see docs/doctor.md#fails');
    expect(summaryText([good, bad])).toBe('1 passed, 0 warnings, 1 failed.');
    expect(groupText('Temporal')).toBe('Temporal\n--------');
  });

  it('writes what comes from outside on one line, without control characters', async () => {
    const check = new Check({ ...about('x'), run: () => Promise.resolve(passed('a\n✗ b\u001b[2J')) });
    expect(resultText(await check.result(MANY_MS))).toBe('✓ x works: a ✗ b\\u001b[2J');
  });

  it('names the failed checks', async () => {
    const results = await Promise.all([works().result(MANY_MS), fails().result(MANY_MS)]);
    expect(failedMessage(results)).toMatch(/^1 check failed: fails\./);
    expect(failedMessage(results)).toMatch(/certman doctor$/);
    expect(failedMessage(results, 'ns/demo')).toMatch(/certman doctor ns\/demo$/);
    expect(failedMessage(results.slice(0, 1))).toBeUndefined();
  });
});
