import { condition } from '@temporalio/workflow';

/** When a sleep ends at the latest (epoch milliseconds), and what its timer is for. */
export interface SleepTimer {
  readonly until: number;
  readonly summary: string;
}

/** Counts changes to a bundle or a cluster from outside. A loop that has seen the latest count may sleep. */
export class Changes {
  count = 0;
  /** Whether the reader sleeps with every change seen. */
  sleeping = false;

  notify(): void {
    this.count += 1;
    this.sleeping = false;
  }

  /** Sleeps until there is a change after the count that was `seen`, or the timer fires. */
  async sleep(seen: number, timer?: SleepTimer): Promise<void> {
    const changed = (): boolean => this.count !== seen;
    if (changed()) return;
    this.sleeping = true;
    try {
      if (timer === undefined) await condition(changed);
      else await condition(changed, Math.max(1, timer.until - Date.now()), { summary: timer.summary });
    } finally {
      this.sleeping = false;
    }
  }
}
