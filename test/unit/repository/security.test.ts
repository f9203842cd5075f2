import { expect, test } from 'vitest';
import { ActivityDoubles } from '../../support/workflows/activity-doubles.ts';
import { read } from './files.ts';

test('docs/security.md says for each activity what it checks', () => {
  const [, section = ''] = read('docs/security.md').split('## Temporal is a trust boundary');
  const described = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  const activities = Object.keys(new ActivityDoubles(() => Promise.resolve(0)).activities());
  expect(new Set(described)).toEqual(new Set(activities));
});
