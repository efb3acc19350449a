/** @file What happened in a run, in a sentence. */
import type { RunHistory } from '../../../electron/contract.ts';
import { formatBytes, formatDuration, formatNumber } from '../../format.ts';
import { t } from '../../messages/messages.svelte.ts';

type LogEvent = RunHistory['log'][number];

export function eventText(event: LogEvent): string {
  switch (event.kind) {
    case 'started': {
      const { device, precision, parameters } = event;
      const values = { device, precision, parameters: formatNumber(parameters, 0) };
      return t(event.isResumed ? 'train.event.resumed' : 'train.event.started', values);
    }
    case 'rehearsed':
      return t('train.rehearsedText', {
        tensors: formatNumber(event.tensors, 0),
        time: formatDuration(event.ms / 1000),
      });
    case 'checkpoint': {
      const values = { size: formatBytes(event.sizeBytes), change: event.change.toPrecision(3) };
      const text = t('train.event.checkpoint', values);
      return event.isBest ? `${text} ${t('train.event.best')}` : text;
    }
    case 'removed':
      return t('train.event.removed');
    case 'warning':
      return `${t(`train.warning.${event.warning}`)} ${event.detail}`;
    case 'ended':
      return [t(`train.event.${event.reason}`), event.detail].filter(Boolean).join(' ');
    case 'phase':
      return t(`train.phase.${event.phase}`);
    case 'step':
    case 'validation':
      return formatNumber(event.loss, 4);
    case 'sample':
      return event.prompt;
  }
}
