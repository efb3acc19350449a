/** @file The HTML report of a run: one file with everything inside, for any browser, without a network. */
import type { Run, RunHistory } from '../../../electron/contract.ts';
import { formatBytes, formatDate, formatNumber } from '../../format.ts';
import { t } from '../../messages/messages.svelte.ts';
import { bandCurves, lossCurves } from './curves.ts';
import type { Curve } from './chart.ts';
import { escape } from './escape-html.ts';
import { eventText } from './event-text.ts';
import { svgChart } from './svg-chart.ts';

export interface ReportContent {
  readonly run: Run;
  readonly history: RunHistory;
  /** Samples by prompt; `picture` is an address that holds the bytes. */
  readonly rows: readonly {
    readonly prompt: string;
    readonly frames: readonly { readonly step: number; readonly picture: string }[];
  }[];
  readonly language: string;
}

const STYLE = `
:root{color-scheme:light dark}body{max-width:1000px;margin:32px auto;padding:0 20px;font:15px/1.5 system-ui,sans-serif}
h1{margin-bottom:0}table{border-collapse:collapse}td,th{padding:3px 14px 3px 0;text-align:left;vertical-align:top}
svg{width:100%;height:auto}figure{margin:24px 0}figcaption{font-weight:600}.frames{display:flex;flex-wrap:wrap;gap:6px}
.frames figure{margin:0;font-size:12px}.frames img{display:block;width:160px}.frames figcaption{font-weight:400}`;

export function htmlReport({ run, history, rows, language }: ReportContent): string {
  const title = escape(run.plan.name);
  const { steps } = history;
  const single = (label: string, y: readonly (number | null)[]): Curve[] => [
    { label, x: steps.step, y, color: 1 },
  ];
  const charts = [
    svgChart(t('train.chart.loss'), lossCurves(history, 'little', undefined), { isLog: true }),
    svgChart(t('train.chart.bands'), bandCurves(history)),
    svgChart(t('train.chart.norm'), single(t('train.chart.normShort'), steps.norm), { isLog: true }),
    svgChart(t('train.chart.rate'), single(t('train.chart.rateShort'), steps.learningRate)),
    svgChart(t('train.chart.speed'), single(t('train.chart.speedShort'), steps.imagesPerSecond)),
  ];
  return `<!doctype html><html lang="${language}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>${title}</title><style>${STYLE}</style>
<h1>${title}</h1><p>${escape(formatDate(run.createdAt))}</p>
<table>${facts(run)
    .map(([name, value]) => `<tr><th scope="row">${escape(name)}<td>${escape(value)}`)
    .join('')}</table>
${charts.join('\n')}
<h2>${escape(t('train.samples'))}</h2>${rows.map(frames).join('')}
<h2>${escape(t('train.log'))}</h2><table>${history.log.map(line).join('')}</table></html>`;
}

function facts(run: Run): [string, string][] {
  const all: [string, string | undefined][] = [
    [t('train.recipe'), run.plan.recipeId],
    [
      t('train.progress'),
      t('train.stepOf', { step: formatNumber(run.step, 0), steps: formatNumber(run.totalSteps, 0) }),
    ],
    [t('train.figure.loss'), run.loss && formatNumber(run.loss, 4)],
    [t('train.figure.validation'), run.validationLoss && formatNumber(run.validationLoss, 4)],
    [t('train.figure.device'), run.device && `${run.device} · ${run.precision}`],
    [t('train.figure.memory'), run.memoryBytes && formatBytes(run.memoryBytes)],
    [t('train.figure.parameters'), run.parameters && formatNumber(run.parameters, 0)],
  ].map(([name, value]) => [String(name), value ? String(value) : undefined]);
  return all.filter((fact): fact is [string, string] => fact[1] !== undefined);
}

function frames({ prompt, frames: pictures }: ReportContent['rows'][number]): string {
  const shown = pictures.filter(({ picture }) => picture !== '');
  const items = shown.map(({ step, picture }) => {
    const text = escape(t('train.atStep', { step: formatNumber(step, 0) }));
    return `<figure><img src="${picture}" alt="${escape(prompt)}, ${text}"><figcaption>${text}</figcaption></figure>`;
  });
  return `<p>${escape(prompt)}</p><div class="frames">${items.join('')}</div>`;
}

function line(event: RunHistory['log'][number]): string {
  const step = escape(t('train.atStep', { step: formatNumber(event.step, 0) }));
  return `<tr><td>${escape(formatDate(event.at))}<td>${step}<td>${escape(eventText(event))}`;
}
