// Grafana's own types, made fit for JSON: an enum is what it is written as, a panel's options are those of its type.
// Each dashboard is checked as a literal of the type Written (main.rs).
import type { AnnotationQuery, Dashboard, Panel, RowPanel } from '@grafana/schema';
import type * as barchart from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import type * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as gauge from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import type * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as histogram from '@grafana/schema/dist/esm/raw/composable/histogram/panelcfg/x/HistogramPanelCfg_types.gen';
import type * as piechart from '@grafana/schema/dist/esm/raw/composable/piechart/panelcfg/x/PieChartPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as states from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as statuses from '@grafana/schema/dist/esm/raw/composable/statushistory/panelcfg/x/StatusHistoryPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as text from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type * as series from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** As JSON writes it: enums by their values. */
type Relax<T> = unknown extends T
  ? T
  : T extends string
    ? `${T}`
    : T extends number
      ? number extends T
        ? number
        : `${T}` extends `${infer Value extends number}`
          ? Value
          : never
      : T extends object
        ? { [Key in keyof T]: Relax<T[Key]> }
        : T;

/** What is left out has Grafana's default. */
type Partly<T> = unknown extends T
  ? T
  : T extends (infer Item)[]
    ? Partly<Item>[]
    : T extends object
      ? { [Key in keyof T]?: Partly<T[Key]> }
      : T;

/** A query to Prometheus; its type is not in Grafana's package. */
interface Query {
  refId: string;
  datasource: { type: 'prometheus'; uid: '${datasource}' };
  expr: string;
  legendFormat?: string;
  format?: 'time_series' | 'table' | 'heatmap';
  instant?: boolean;
  range?: boolean;
  interval?: string;
  exemplar?: boolean;
  hide?: boolean;
  editorMode?: 'code';
}

type Base = Omit<Relax<Panel>, 'type' | 'options' | 'fieldConfig' | 'targets' | 'title' | 'id' | 'gridPos'> & {
  id: number;
  title: string;
  gridPos: { h: number; w: number; x: number; y: number };
  targets?: Query[];
};

interface Typed<Type extends string, Options, Custom> extends Base {
  type: Type;
  options: Partly<Relax<Options>>;
  fieldConfig: {
    defaults: Omit<NonNullable<Relax<Panel>['fieldConfig']>['defaults'], 'custom'> & { custom?: Partly<Relax<Custom>> };
    overrides: NonNullable<Relax<Panel>['fieldConfig']>['overrides'];
  };
}

interface AlertList extends Base {
  type: 'alertlist';
  options: Record<string, unknown>;
  fieldConfig?: Relax<Panel>['fieldConfig'];
}

interface Text extends Base {
  type: 'text';
  options: Partly<Relax<text.Options>>;
  fieldConfig?: Relax<Panel>['fieldConfig'];
}

type AnyPanel =
  | AlertList
  | Text
  | Typed<'barchart', barchart.Options, barchart.FieldConfig>
  | Typed<'bargauge', bargauge.Options, Record<string, never>>
  | Typed<'gauge', gauge.Options, Record<string, never>>
  | Typed<'heatmap', heatmap.Options, heatmap.FieldConfig>
  | Typed<'histogram', histogram.Options, histogram.FieldConfig>
  | Typed<'piechart', piechart.Options, piechart.FieldConfig>
  | Typed<'stat', stat.Options, Record<string, never>>
  | Typed<'state-timeline', states.Options, states.FieldConfig>
  | Typed<'status-history', statuses.Options, statuses.FieldConfig>
  | Typed<'table', table.Options, table.FieldConfig>
  | Typed<'timeseries', series.Options, series.FieldConfig>;

type Row = Omit<Relax<RowPanel>, 'panels'> & { panels: AnyPanel[] };

/** Marks on the graphs, from Prometheus; the texts' formats are its own. */
type Marks = Omit<Relax<AnnotationQuery>, 'target'> & {
  target: { refId: string; expr: string; interval?: string };
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
};

/** A dashboard as a file of ours holds it. */
export type Written = Omit<Relax<Dashboard>, 'id' | 'panels' | 'annotations'> & {
  annotations: { list: Marks[] };
  id: null;
  uid: string;
  title: string;
  panels: (AnyPanel | Row)[];
};
