import { describe, expect, it } from 'vitest';
import { describeSettings, settingsAsMarkdown, unknownSettings } from '../../../src/configuration/describe-settings.ts';

describe('the table of settings', () => {
  it('has each setting once, with a meaning, a default and an example', () => {
    const settings = describeSettings();
    expect(new Set(settings.map(({ name }) => name)).size).toBe(settings.length);
    for (const { meaning, whenUnset, example } of settings) {
      expect(meaning).not.toBe('');
      expect(whenUnset).not.toBe('');
      expect(example).not.toBe('');
    }
  });

  it('has four columns in every row of Markdown', () => {
    const rows = settingsAsMarkdown()
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    expect(rows.length).toBe(describeSettings().length);
    for (const row of rows) expect(row.split(' | ').length).toBe(4);
  });
});

describe('a variable that is not a setting', () => {
  it('is reported with the setting that was probably meant', () => {
    expect(unknownSettings({ CERTMAN_ACME_PROFIL: 'x', CERTMAN_COLOUR: 'x', PATH: '/bin' })).toEqual([
      { name: 'CERTMAN_ACME_PROFIL', meant: 'CERTMAN_ACME_PROFILE' },
      { name: 'CERTMAN_COLOUR' },
    ]);
  });

  it('is not reported when Kubernetes set it for a Service', () => {
    const fromServices = {
      CERTMAN_SERVICE_HOST: '10.0.0.1',
      CERTMAN_SERVICE_PORT_METRICS: '8080',
      CERTMAN_METRICS_PORT: 'tcp://10.0.0.1:8080',
      CERTMAN_METRICS_PORT_8080_TCP_ADDR: '10.0.0.1',
    };
    expect(unknownSettings(fromServices)).toEqual([]);
  });

  it('is not reported when it is of the local stack', () => {
    expect(unknownSettings({ CERTMAN_LOCAL_DOWNLOADS: 'off' })).toEqual([]);
  });
});
