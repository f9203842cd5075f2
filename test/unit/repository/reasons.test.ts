/** The table of reasons in docs/operations.md. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { conditionReason } from '../../../src/certificates/status-messages.ts';
import { FAILURE_CODES } from '../../../src/failures/failure.ts';

/** Of the controller and of single attempts within an activity: no condition and no status has them. */
const NEVER_SHOWN =
  /^(crl\/.*|temporal\/(unreachable|visibilityUnavailable|workerStopping)|acme\/pending|dns\/pending)$/;

test('each reason that a condition can have is in the table, with what to do', async () => {
  const text = await readFile(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
  const [, table = ''] = /^## Reasons, and what to do$([^]*?)^## /m.exec(text) ?? [];
  const shown = FAILURE_CODES.filter((code) => !NEVER_SHOWN.test(code)).map(conditionReason);
  expect(shown.length).toBeGreaterThan(50);
  expect(shown.filter((reason) => !table.includes(`\`${reason}\``))).toEqual([]);
});
