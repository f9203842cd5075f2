import { beforeEach, describe, expect, it } from 'vitest';
import { PollSchedule } from '../../../src/controller/poll-schedule.ts';

const certificates = (...certIds: readonly string[]) => certIds.map((certId) => ({ certId }));

let schedule: PollSchedule<{ readonly certId: string }>;
let now: number;
beforeEach(() => {
  schedule = new PollSchedule(({ certId }) => certId);
  now = 1_000_000;
});
const due = (certIds: readonly string[], most = 100): readonly string[] =>
  schedule.due(certificates(...certIds), now, atMost(most)).map(({ certId }) => certId);

function atMost(most: number): () => boolean {
  let accepted = 0;
  return () => ++accepted <= most;
}

describe('a certificate', () => {
  it('that is new is due at once, and until it is answered or postponed', () => {
    expect(due(['a'])).toEqual(['a']);
    expect(due(['a'])).toEqual(['a']);
  });

  it('that was answered is due again at the given instant', () => {
    due(['a']);
    schedule.answered('a', now + 60_000);
    now += 59_999;
    expect(due(['a'])).toEqual([]);
    now += 1;
    expect(due(['a'])).toEqual(['a']);
  });

  it('that was postponed counts as answered only if it was answered before', () => {
    due(['a', 'b']);
    schedule.answered('a', now + 1);
    schedule.postpone('a', now + 2);
    schedule.postpone('b', now + 2);
    expect(schedule.answeredCount).toBe(1);
    expect(due(['a', 'b'])).toEqual([]);
  });

  it('that is no longer in use is forgotten, and due at once if it returns', () => {
    due(['a', 'b']);
    schedule.answered('a', now + 60_000);
    expect(due(['b'])).toEqual(['b']);
    expect(schedule.answeredCount).toBe(0);
    now += 1;
    expect(due(['a', 'b'])).toEqual(['b', 'a']);
  });

  it('that went out of use while it was polled stays forgotten', () => {
    due(['a']);
    due([]);
    schedule.answered('a', now + 60_000);
    expect(schedule.answeredCount).toBe(0);
  });

  it('that two subjects share is due once', () => {
    expect(due(['a', 'a'])).toEqual(['a']);
  });
});

describe('more than can be polled', () => {
  it('are returned longest due first, so that none starves', () => {
    due(['a', 'b', 'c']);
    schedule.answered('a', now + 300);
    schedule.answered('b', now + 100);
    schedule.answered('c', now + 200);
    now += 1_000;
    expect(due(['a', 'b', 'c', 'd'], 2)).toEqual(['b', 'c']);
    schedule.answered('b', now + 500);
    schedule.answered('c', now + 500);
    expect(due(['a', 'b', 'c', 'd'], 2)).toEqual(['a', 'd']);
  });
});
