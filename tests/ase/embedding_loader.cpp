// Embeds Python and calls `wrapper` as the V2 loader of the ASE platform does: an interpreter started by pybind11, the
// types of its module `aiges_embed`, one interpreter and many threads.
//
//   embedding_loader THREADS CALLS FILE [KEY=VALUE ...]
//
// Calls wrapperInit with the pairs, and wrapperOnceExec CALLS times from THREADS threads with the bytes of FILE; with a
// request that has no items if FILE is empty. Prints a line for each answer: what was called, its code, its data.

#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <pybind11/embed.h>
#include <pybind11/stl.h>

namespace py = pybind11;

struct ResponseData {
    std::string key;
    std::string data;
    unsigned int len = 0;
    int type = 0;
    int status = 0;
};

struct Response {
    std::vector<ResponseData> list;
    int error_code = 0;
};

struct SessionCreateResponse {
    std::string handle;
    int error_code = 0;
};

struct DataListNode {
    std::string key;
    std::string data;
    unsigned int len = 0;
    int type = 2;
    int status = 3;
};

struct DataListCls {
    std::vector<DataListNode> list;
};

PYBIND11_EMBEDDED_MODULE(aiges_embed, module) {
    py::class_<ResponseData>(module, "ResponseData")
        .def(py::init<>())
        .def_readwrite("key", &ResponseData::key)
        .def_property_readonly("data", [](const ResponseData &item) { return py::bytes(item.data); })
        .def_readwrite("len", &ResponseData::len)
        .def_readwrite("type", &ResponseData::type)
        .def_readwrite("status", &ResponseData::status)
        .def("setData",
             [](ResponseData &item, const py::bytes &data) {
                 item.data = data;
                 item.len = static_cast<unsigned int>(item.data.size());
             })
        .def("setDataType", [](ResponseData &item, int type) { item.type = type; });
    py::class_<Response>(module, "Response")
        .def(py::init<>())
        .def_readwrite("list", &Response::list)
        .def_readwrite("error_code", &Response::error_code);
    py::class_<SessionCreateResponse>(module, "SessionCreateResponse")
        .def(py::init<>())
        .def_readwrite("handle", &SessionCreateResponse::handle)
        .def_readwrite("error_code", &SessionCreateResponse::error_code);
    py::class_<DataListNode>(module, "DataListNode")
        .def_readonly("key", &DataListNode::key)
        .def_property_readonly("data", [](const DataListNode &node) { return py::bytes(node.data); })
        .def_readonly("len", &DataListNode::len)
        .def_readonly("type", &DataListNode::type)
        .def_readonly("status", &DataListNode::status);
    py::class_<DataListCls>(module, "DataListCls")
        .def_readonly("list", &DataListCls::list)
        .def("get", [](const DataListCls &nodes, const std::string &key) -> py::object {
            for (const auto &node : nodes.list) {
                if (node.key == key) return py::cast(node);
            }
            return py::none();
        });
}

static const char *const METHODS[] = {
    "wrapperInit",      "wrapperFini",   "wrapperOnceExec", "wrapperOnceExecAsync", "wrapperError",   "wrapperLoadRes",
    "wrapperUnloadRes", "wrapperCreate", "wrapperWrite",    "wrapperRead",          "wrapperDestroy", "wrapperTestFunc",
};

static std::mutex printing;

static void print(const std::string &called, int code, const std::string &data) {
    const std::lock_guard<std::mutex> lock(printing);
    std::cout << called << '\t' << code << '\t' << data << std::endl;
}

int main(int count, char **arguments) {
    const int threads = std::stoi(arguments[1]), calls = std::stoi(arguments[2]);
    std::map<std::string, std::string> config;
    for (int index = 4; index < count; ++index) {
        const std::string pair = arguments[index];
        config[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
    }
    DataListCls request;
    if (const std::string file = arguments[3]; !file.empty()) {
        std::ifstream stream(file, std::ios::binary);
        DataListNode node;
        node.key = "data";
        node.data.assign(std::istreambuf_iterator<char>(stream), {});
        node.len = static_cast<unsigned int>(node.data.size());
        request.list.push_back(node);
    }

    py::scoped_interpreter interpreter;
    std::map<std::string, py::object> methods;  // a missing one ends the loader
    py::object wrapper = py::module_::import("wrapper").attr("Wrapper")();
    for (const auto *name : METHODS) methods[name] = wrapper.attr(name);
    const int loaded = methods["wrapperInit"](config).cast<int>();
    print("init", loaded, methods["wrapperError"](loaded).cast<std::string>());
    {
        const py::gil_scoped_release released;
        std::vector<std::thread> running;
        for (int thread = 0; thread < threads; ++thread) {
            running.emplace_back([&] {
                for (int call = 0; call < calls / threads; ++call) {
                    const py::gil_scoped_acquire acquired;
                    try {
                        const std::map<std::string, std::string> params{{"sid", "ocr@1"}};
                        const auto answer = methods["wrapperOnceExec"](params, request, "tag", 0).cast<Response>();
                        print("read", answer.error_code, answer.list.at(0).data);
                    } catch (const std::exception &error) {
                        print("read", -1, error.what());
                    }
                }
            });
        }
        for (auto &thread : running) thread.join();
    }
    print("fini", methods["wrapperFini"]().cast<int>(), "");
    methods.clear();
    wrapper.release().dec_ref();
    return 0;
}
