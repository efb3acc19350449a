/**
 * @file The part of the ONNX format that we write, as a protobuf descriptor (field numbers of onnx.proto3,
 * github.com/onnx/onnx). protobufjs does the encoding.
 */
import protobuf from 'protobufjs/light.js';

const OPSET = 23;
const IR_VERSION = 10;

export const ATTRIBUTE_TYPES = { FLOAT: 1, INT: 2, STRING: 3, INTS: 7 } as const;
const EXTERNAL = 1;

export interface NodeProto {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly opType: string;
  readonly domain: string;
  readonly attribute: readonly AttributeProto[];
}

export interface AttributeProto {
  readonly name: string;
  readonly type: number;
  readonly f?: number;
  readonly i?: number;
  readonly s?: Uint8Array;
  readonly ints?: readonly number[];
}

export interface TensorProto {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly rawData?: Uint8Array;
  readonly externalData?: readonly { readonly key: string; readonly value: string }[];
  readonly dataLocation?: number;
}

export interface ValueInfoProto {
  readonly name: string;
  readonly type: {
    readonly tensorType: {
      readonly elemType: number;
      readonly shape: { readonly dim: readonly DimensionProto[] };
    };
  };
}

export type DimensionProto = { readonly dimValue: number } | { readonly dimParam: string };

export interface GraphProto {
  readonly name: string;
  readonly node: readonly NodeProto[];
  readonly initializer: readonly TensorProto[];
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
}

/** The bytes of a model file. */
export function encodeModel(graph: GraphProto): Uint8Array {
  const model = {
    irVersion: IR_VERSION,
    producerName: 'hdm-studio',
    graph,
    opsetImport: [
      { domain: '', version: OPSET },
      { domain: 'com.microsoft', version: 1 },
    ],
  };
  return MODEL.encode(model).finish();
}

/** A tensor that lies in another file: ONNX Runtime reads it there. */
export function externalTensor(
  tensor: Pick<TensorProto, 'name' | 'dims' | 'dataType'>,
  place: { readonly location: string; readonly offset: number; readonly sizeBytes: number },
): TensorProto {
  const externalData = [
    { key: 'location', value: place.location },
    { key: 'offset', value: String(place.offset) },
    { key: 'length', value: String(place.sizeBytes) },
  ];
  return { ...tensor, externalData, dataLocation: EXTERNAL };
}

type Field = readonly [id: number, type: string, rule?: 'repeated'];

const MESSAGES: Record<string, Record<string, Field>> = {
  ModelProto: {
    irVersion: [1, 'int64'],
    producerName: [2, 'string'],
    graph: [7, 'GraphProto'],
    opsetImport: [8, 'OperatorSetIdProto', 'repeated'],
  },
  OperatorSetIdProto: { domain: [1, 'string'], version: [2, 'int64'] },
  GraphProto: {
    node: [1, 'NodeProto', 'repeated'],
    name: [2, 'string'],
    initializer: [5, 'TensorProto', 'repeated'],
    input: [11, 'ValueInfoProto', 'repeated'],
    output: [12, 'ValueInfoProto', 'repeated'],
  },
  NodeProto: {
    input: [1, 'string', 'repeated'],
    output: [2, 'string', 'repeated'],
    opType: [4, 'string'],
    attribute: [5, 'AttributeProto', 'repeated'],
    domain: [7, 'string'],
  },
  AttributeProto: {
    name: [1, 'string'],
    f: [2, 'float'],
    i: [3, 'int64'],
    s: [4, 'bytes'],
    ints: [8, 'int64', 'repeated'],
    type: [20, 'int32'],
  },
  TensorProto: {
    dims: [1, 'int64', 'repeated'],
    dataType: [2, 'int32'],
    name: [8, 'string'],
    rawData: [9, 'bytes'],
    externalData: [13, 'StringStringEntryProto', 'repeated'],
    dataLocation: [14, 'int32'],
  },
  StringStringEntryProto: { key: [1, 'string'], value: [2, 'string'] },
  ValueInfoProto: { name: [1, 'string'], type: [2, 'TypeProto'] },
  TypeProto: { tensorType: [1, 'TensorTypeProto'] },
  TensorTypeProto: { elemType: [1, 'int32'], shape: [2, 'TensorShapeProto'] },
  TensorShapeProto: { dim: [1, 'DimensionProto', 'repeated'] },
  DimensionProto: { dimValue: [1, 'int64'], dimParam: [2, 'string'] },
};

const MODEL = protobuf.Root.fromJSON({
  nested: Object.fromEntries(
    Object.entries(MESSAGES).map(([message, fields]) => [message, { fields: describe(fields) }]),
  ),
}).lookupType('ModelProto');

function describe(fields: Record<string, Field>): Record<string, protobuf.IField> {
  const entries = Object.entries(fields).map(([name, [id, type, rule]]) => {
    return [name, { id, type, ...(rule && { rule }) }] as const;
  });
  return Object.fromEntries(entries);
}
