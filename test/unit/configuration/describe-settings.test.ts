import { describe, expect, it } from 'vitest';
import { describeSettings, settingsAsMarkdown, unknownSettings } from '../../../src/configuration/describe-settings.ts';

describe('the table of settings', () => {
  it('has each setting once, with a meaning, what holds when it is not set, and an example', () => {
    const settings = describeSettings();
    expect(new Set(settings.map(({ name }) => name)).size).toBe(settings.length);
    for (const { meaning, whenUnset, example } of settings) {
      expect(meaning).not.toBe('');
      expect(whenUnset).not.toBe('');
      expect(example).not.toBe('');
    }
  });

  it('is Markdown with four columns in every row', () => {
    const rows = settingsAsMarkdown().trim().split('\n');
    expect(rows.length).toBe(describeSettings().length + 2);
    for (const row of rows) expect(row.split(' | ').length).toBe(4);
  });
});

describe('a variable that is no setting', () => {
  it('is told with the setting that was probably meant', () => {
    expect(unknownSettings({ CERTMAN_ACME_PROFIL: 'x', CERTMAN_COLOUR: 'x', PATH: '/bin' })).toEqual([
      { name: 'CERTMAN_ACME_PROFIL', meant: 'CERTMAN_ACME_PROFILE' },
      { name: 'CERTMAN_COLOUR' },
    ]);
  });

  it('is nothing to tell when Kubernetes made it for a Service', () => {
    const fromServices = {
      CERTMAN_SERVICE_HOST: '10.0.0.1',
      CERTMAN_SERVICE_PORT_METRICS: '8080',
      CERTMAN_METRICS_PORT: 'tcp://10.0.0.1:8080',
      CERTMAN_METRICS_PORT_8080_TCP_ADDR: '10.0.0.1',
    };
    expect(unknownSettings(fromServices)).toEqual([]);
  });
});
